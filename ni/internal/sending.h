#pragma once

#include <cstdint>
#include <span>

#include "ni/endpoint.h"
#include "ni/internal/core.h"
#include "ni/internal/port.h"

namespace smtni::ni {

/// What Endpoint::send() does, for whoever has no endpoint at hand: a handler.
/// REQUIRES: `port` is open or has been. THREADS: as Endpoint::send(); while contexts are started
/// for the port's messages, any.
Sent send_from(Core& core, Port& port, Address target, std::span<const std::byte> payload,
               const SendOptions& options) noexcept;

/// The NI's work of a send, in the caller's time. REQUIRES: the drive is in_the_call.
Sent transmit_from(Core& core, const Port& port, Address target, std::span<const std::byte> payload,
                   const SendOptions& options) noexcept;

/// Whether the target is open and takes so much.
Sent check_target(const Core& core, Address target, std::size_t size) noexcept;

/// How a message for `target` lies in the send buffer.
[[nodiscard]] inline MessageInfo info_of(Address target, const SendOptions& options) noexcept {
  return {.type_id = options.type_id,
          .user_data = options.user_data,
          .peer = target.word(),
          .attributes = attributes_of(options.notify, options.handler)};
}

/// Contexts of one endpoint that send at once take turns; without contexts there is one sender.
class OutletHeld {
 public:
  explicit OutletHeld(Port& port) noexcept {
    if (!port.contexts_send) [[likely]]
      return;
    outlet_ = &port.outlet;
    outlet_->lock();
  }
  ~OutletHeld() {
    if (outlet_ != nullptr) [[unlikely]]
      outlet_->unlock();
  }
  OutletHeld(const OutletHeld&) = delete;
  OutletHeld& operator=(const OutletHeld&) = delete;

 private:
  SpinLock* outlet_ = nullptr;
};

}  // namespace smtni::ni
