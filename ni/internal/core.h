#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/placement.h"
#include "ni/interface.h"
#include "ni/internal/port.h"
#include "threads/pinned_thread.h"

namespace smtni::ni {

/// What an interface's handles share: ports, wire, and the NI thread.
///
/// Ports are never freed while the core lives, only used again under a new generation, so that a
/// late packet finds a port that refuses it.
///
/// Edges:
///   [open]   add_port() stores ports_[i] with release  ->  the NI and senders load with acquire
///   [pass]   the NI stores passes_ with release after each pass and at its end  ->  quiesce()
///            loads with acquire: whatever the NI did in an earlier pass has happened
///   [stop]   stop() stores with release  ->  the NI, senders and waiting receivers load with
///            acquire
class Core final : public Arrivals {
 public:
  Core(Drive drive, std::unique_ptr<Wire> wire) noexcept;
  ~Core();

  /// Starts the NI thread. REQUIRES: the drive is dedicated; not started.
  Result<void> start(const RoleCpus& cpus);
  /// Ends the NI thread and wakes receivers that wait.
  void stop() noexcept;

  Placed place(const Packet& packet) noexcept override;
  Placed transmit(const Packet& packet) noexcept { return wire_->transmit(packet, *this); }
  [[nodiscard]] std::size_t max_wire_payload() const noexcept { return max_wire_payload_; }
  [[nodiscard]] Passage wire_passage() const noexcept { return wire_->passage(); }

  Result<Port*> add_port(const EndpointOptions& options, std::unique_ptr<notify::Binding> binding);
  /// Hides the port from senders and from the NI's next pass.
  void close_entry(const Port& port) noexcept;
  /// Makes a closed port available again. REQUIRES: the NI and its endpoint are done with it.
  void recycle(Port& port) noexcept;

  /// Returns when everything that the NI was doing with a port is over.
  void quiesce() const noexcept;

  /// The largest payload that `target` takes, or nothing when it is closed.
  [[nodiscard]] std::optional<std::size_t> max_payload_of(Address target) const noexcept;

  [[nodiscard]] Drive drive() const noexcept { return drive_; }
  [[nodiscard]] bool is_stopped() const noexcept {
    return stopped_.load(std::memory_order_acquire);  // [stop]
  }
  [[nodiscard]] const std::string& note() const noexcept { return note_; }

 private:
  // What senders look up, apart from the port's busy lines: written by opening and closing.
  struct Entry {
    std::atomic<Port*> port{nullptr};
    std::atomic<std::uint32_t> address{0};  // 0: closed
    std::atomic<std::uint64_t> max_payload{0};
  };

  void run(bool shares_its_cpu) noexcept;
  bool serve(Port& port) noexcept;

  const Drive drive_;
  const std::unique_ptr<Wire> wire_;
  const std::size_t max_wire_payload_;
  std::string note_;

  std::mutex control_;  // opening and closing
  std::vector<std::unique_ptr<Port>> owned_;
  std::vector<Port*> free_;

  std::array<Entry, Interface::kMaxEndpoints> entries_;
  std::atomic<std::uint32_t> used_entries_{0};

  // Written by the NI thread at every pass.
  alignas(kLinePair) std::atomic<std::uint64_t> passes_{0};
  alignas(kLinePair) std::atomic<bool> stopped_{false};
  std::optional<threads::PinnedThread> thread_;
};

}  // namespace smtni::ni
