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
#include "ni/internal/directory.h"
#include "ni/internal/fabric_state.h"
#include "ni/internal/port.h"
#include "ni/internal/remote_memory.h"
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
  /// What an interface is, before it has ports.
  struct Identity {
    Drive drive = Drive::dedicated;
    std::uint8_t node = 0;
    std::shared_ptr<Directory> directory = {};
    std::shared_ptr<FabricState> fabric = {};  // null: none
  };

  Core(Identity identity, std::unique_ptr<Wire> wire, RemoteMemory memory) noexcept;
  ~Core();

  /// Starts the NI thread. REQUIRES: the drive is dedicated; not started.
  Result<void> start(const RoleCpus& cpus);
  /// Ends the NI thread and wakes receivers that wait.
  void stop() noexcept;

  Placed place(const Packet& packet) noexcept override;
  Placed transmit(const Packet& packet) noexcept { return wire_->transmit(packet, *this); }
  [[nodiscard]] std::size_t max_wire_payload() const noexcept { return max_wire_payload_; }
  [[nodiscard]] Passage wire_passage() const noexcept { return wire_->passage(); }
  /// An operation within this interface is over when its call returns, and needs no packet.
  [[nodiscard]] bool works_at_once() const noexcept { return works_at_once_; }
  [[nodiscard]] bool wire_is_slow() const noexcept { return wire_is_slow_; }
  [[nodiscard]] RemoteMemory& memory() noexcept { return memory_; }
  /// Looks after a message that found no context, where no NI thread does: returns when one has it,
  /// or after a bounded time. Holds no lock while it waits.
  static void settle(Port& port) noexcept;

  Result<Port*> add_port(const EndpointOptions& options, std::unique_ptr<notify::Binding> binding);
  /// Hides the port from senders and from the NI's next pass.
  void close_entry(const Port& port) noexcept;
  /// Makes a closed port available again. REQUIRES: the NI and its endpoint are done with it.
  void recycle(Port& port) noexcept;

  /// Returns when everything that the NI was doing with a port is over.
  void quiesce() const noexcept;

  /// The largest payload that `target` takes, or nothing when it is closed.
  [[nodiscard]] std::optional<std::size_t> max_payload_of(Address target) const noexcept;

  [[nodiscard]] Drive drive() const noexcept { return identity_.drive; }
  [[nodiscard]] bool is_stopped() const noexcept {
    return stopped_.load(std::memory_order_acquire);  // [stop]
  }
  [[nodiscard]] const std::string& note() const noexcept { return note_; }

 private:
  void run(const RoleCpus& cpus) noexcept;
  bool serve(Port& port) noexcept;
  bool start_request(Port& port, const Message& message) noexcept;
  Placed place_message(const Packet& packet) noexcept;
  Placed carry_out(const Packet& packet) noexcept;
  Placed answer(const Packet& request, const RemoteMemory::Outcome& outcome) noexcept;
  bool send_pending_answer() noexcept;

  const Identity identity_;
  const std::unique_ptr<Wire> wire_;
  const std::size_t max_wire_payload_;
  const bool wire_is_slow_;
  const bool works_at_once_;
  RemoteMemory memory_;
  std::string note_;
  // The NI thread's: an answer without payload that the wire has not taken yet. Until it has, no
  // other operation is carried out, so one place is enough.
  std::optional<Packet> pending_answer_;

  std::mutex control_;  // opening and closing
  std::vector<std::unique_ptr<Port>> owned_;
  std::vector<Port*> free_;

  std::array<std::atomic<Port*>, Interface::kMaxEndpoints> ports_{};
  std::atomic<std::uint32_t> used_ports_{0};

  // Written by the NI thread at every pass.
  alignas(kLinePair) std::atomic<std::uint64_t> passes_{0};
  alignas(kLinePair) std::atomic<bool> stopped_{false};
  std::optional<threads::PinnedThread> thread_;
};

}  // namespace smtni::ni
