#pragma once

#include <mutex>
#include <optional>

#include "core/spin_lock.h"
#include "ni/internal/port.h"

namespace smtni::ni {

/// The port whose handler may branch this thread, at any instruction with some mechanisms.
inline constinit thread_local Port* branching_port = nullptr;

/// Holds this thread's branches back while it is inside the library, so that a handler may use the
/// library itself.
class BranchesHeld {
 public:
  BranchesHeld() noexcept {
    if (branching_port != nullptr && !branching_port->in_handler) [[unlikely]] {
      port_ = branching_port;
      port_->own_binding->mask();
    }
  }
  ~BranchesHeld() {
    if (port_ != nullptr) [[unlikely]]
      port_->own_binding->unmask();
  }
  BranchesHeld(const BranchesHeld&) = delete;
  BranchesHeld& operator=(const BranchesHeld&) = delete;

 private:
  Port* port_ = nullptr;
};

/// The inlet lock in the endpoint's thread. Branches first: a handler that interrupted the holder
/// could send to this very port.
class InletHeld {
 public:
  explicit InletHeld(Port& port) noexcept : guard_(port.inlet) {}  // [inlet]

 private:
  BranchesHeld held_;
  std::lock_guard<SpinLock> guard_;
};
/// The next message. REQUIRES: branches of this thread are held back.
inline Received take_from(Port& port) noexcept {
  const std::optional<Message> message = port.take();
  if (!message) return {};
  port.views.add(*message);
  ++port.taken;
  return {port, *message};
}

}  // namespace smtni::ni
