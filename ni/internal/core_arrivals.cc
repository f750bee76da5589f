// Core: what arrives, and what is answered.
#include <sched.h>

#include <chrono>

#include "core/deadline.h"
#include "ni/internal/core.h"

namespace smtni::ni {
namespace {

// How long a sender whose call does the NI's work looks after a message that no context was idle
// for. Contexts become idle within microseconds of their end.
constexpr std::chrono::seconds kSpawnPatience{1};

}  // namespace

Placed Core::place(const Packet& packet) noexcept {
  switch (packet.operation) {
    case Operation::message: {
      const Placed placed = place_message(packet);
      if (!packet.remote.is_answered || placed == Placed::would_block) return placed;
      return answer(packet, {.fault = placed == Placed::yes ? std::nullopt
                                                            : std::optional(Fault::unreachable)});
    }
    case Operation::answer: {
      Port* const port = ports_[packet.target.index()].load(std::memory_order_acquire);  // [open]
      if (port == nullptr || port->address != packet.target) return Placed::nobody;
      port->requests.answered(*this, *port, packet);
      return Placed::yes;
    }
    default:
      return carry_out(packet);
  }
}

// Data, then the message that tells of it, then the signal. A message cache without room puts all
// of it off; the data is then written once more, to no harm, and the signal comes once.
Placed Core::carry_out(const Packet& packet) noexcept {
  if (drive() == Drive::dedicated && pending_answer_) return Placed::would_block;
  const RemoteMemory::Scope scope(memory_);
  const RemoteMemory::Outcome outcome = memory_.execute(scope, packet);
  if (!outcome.fault && packet.operation == Operation::put && packet.remote.is_last) {
    if (packet.notify && place_message({.origin = packet.origin,
                                        .target = packet.target,
                                        .type_id = packet.type_id,
                                        .user_data = packet.user_data}) == Placed::would_block) {
      return Placed::would_block;
    }
    RemoteMemory::signal(outcome, packet.remote);
  }
  return packet.remote.is_answered ? answer(packet, outcome) : Placed::yes;
}

Placed Core::answer(const Packet& request, const RemoteMemory::Outcome& outcome) noexcept {
  Packet packet{.operation = Operation::answer,
                .origin = request.target,
                .target = request.origin,
                .payload = outcome.payload};
  packet.remote.offset = request.remote.offset;
  packet.remote.request = request.remote.request;
  packet.remote.operand = outcome.value;
  if (outcome.fault) {
    packet.remote.fault = static_cast<std::uint8_t>(1 + static_cast<unsigned>(*outcome.fault));
  }
  const Placed sent = transmit(packet);
  if (sent != Placed::would_block) return Placed::yes;
  // A get is simply carried out again. What must not be done twice is done, and its answer waits.
  if (request.operation == Operation::get && !outcome.fault) return Placed::would_block;
  if (drive() == Drive::dedicated) pending_answer_ = packet;  // else nobody would send it later
  return Placed::yes;
}

bool Core::send_pending_answer() noexcept {
  if (!pending_answer_ || transmit(*pending_answer_) == Placed::would_block) return false;
  pending_answer_.reset();
  return true;
}

Placed Core::place_message(const Packet& packet) noexcept {
  Port* const port = ports_[packet.target.index()].load(std::memory_order_acquire);  // [open]
  if (port == nullptr) return Placed::nobody;
  const Placed placed = port->place(packet);
  if (drive() == Drive::in_the_call) settle(*port);
  return placed;
}

void Core::settle(Port& port) noexcept {
  // relaxed: a hint; retry_spawn() looks under the lock.
  if (!port.spawn_is_due.load(std::memory_order_relaxed)) [[likely]]
    return;
  const Deadline until = in(kSpawnPatience);
  while (port.spawn_is_due.load(std::memory_order_relaxed) && !has_passed(until)) {
    ::sched_yield();
    port.retry_spawn();
  }
}

}  // namespace smtni::ni
