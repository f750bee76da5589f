#pragma once

#include <sched.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/cpu.h"
#include "core/tsc_clock.h"
#include "ni/wire.h"
#include "notify/binding.h"

/// \file
/// Where a journey's stamps are taken. The NI and the mechanisms know nothing of it: what is
/// stamped are calls that go through a pointer anyway, of a wire and of a binding.
namespace smtni::experiments {

/// A reading of the clock, and the CPU that it was taken on.
struct Stamp {
  TscInstant at;
  int cpu = -1;  ///< -1: not taken

  /// Not before what precedes has completed. COST: some 20 to 40 ns, no system call on x86-64.
  static Stamp take() noexcept {
#if defined(__x86_64__)
    constexpr unsigned kCpuBits = 0xFFF;  // Linux keeps the CPU there, and the node above it
    unsigned processor = 0;
    const std::uint64_t reading = __rdtscp(&processor);
    return {TscInstant(reading), static_cast<int>(processor & kCpuBits)};
#else
    return {TscClock::end(), ::sched_getcpu()};
#endif
  }
  [[nodiscard]] bool is_taken() const noexcept { return cpu >= 0; }
};

/// One message's stamps, in lines apart by who writes them.
struct Journey {
  struct alignas(kLinePair) Sender {
    Stamp composing;  ///< begins to write the payload
    Stamp sending;    ///< calls Endpoint::send
    Stamp sent;       ///< is back from it
  } sender;
  struct alignas(kLinePair) Ni {
    Stamp fetched;    ///< Wire::transmit is entered: the message is in the NI's hands
    Stamp arrived;    ///< Arrivals::place is entered: it is off the wire
    Stamp prepared;   ///< Binding::prepare is entered: its target is known, nothing is stored yet
    Stamp notifying;  ///< Binding::notify is entered: payload and record are stored
    Stamp notified;   ///< and left
  } ni;
  struct alignas(kLinePair) Receiver {
    Stamp began;     ///< the handler's first instruction
    Stamp ended;     ///< its last
    Stamp returned;  ///< the receiver goes on with what it did
  } receiver;
};

/// Fills in the NI's part of journeys. Each message carries its journey's number in `user_data`.
///
/// THREADS: wrap() and watch() before the first message; the wire and the binding then call from
/// the NI's thread, or with an NI in the call from the sender's.
///
/// Edge [journey]: the NI stores how many notifications it has made, with release; the sender loads
/// that with acquire, and sees the NI's stamps.
class Tracer {
 public:
  explicit Tracer(std::vector<Journey>& journeys) : journeys_(journeys) {}

  /// A wire that stamps around `inner`. REQUIRES: this outlives it.
  [[nodiscard]] std::unique_ptr<ni::Wire> wrap(std::unique_ptr<ni::Wire> inner);
  /// REQUIRES: nobody notifies `binding` yet; this outlives it.
  void watch(notify::Binding& binding) noexcept;

  [[nodiscard]] std::uint64_t notifications() const noexcept {
    return notifications_.load(std::memory_order_acquire);  // [journey]
  }

 private:
  class TracingWire;

  static void prepare(void* self) noexcept;
  static bool notify(void* self, const void* record) noexcept;
  Journey& current() noexcept { return journeys_[current_]; }

  std::vector<Journey>& journeys_;
  std::uint64_t current_ = 0;  // the message that is being placed
  notify::NotifierSide inner_{};
  // Written by the NI; polled by the sender.
  alignas(kLinePair) std::atomic<std::uint64_t> notifications_{0};
};

}  // namespace smtni::experiments
