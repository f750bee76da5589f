#pragma once

#include <sched.h>

#include <atomic>
#include <chrono>
#include <cstdint>

#include "core/cpu.h"
#include "core/deadline.h"
#include "core/expect.h"
#include "notify/mechanism.h"

namespace smtni::notify::internal {

/// How long disarm() waits for started entries before it takes them for hung.
inline constexpr std::chrono::minutes kSpawnPatience{1};

/// Lets notifications through while a spawning mechanism is armed, and holds the entry.
///
///   state    | meaning                      | left by
///   disarmed | notifications are declined   | open()
///   armed    | the next one passes          | the notifier -> passing; close() -> disarmed
///   passing  | one is starting a context    | the notifier -> armed
///
/// Edge [gate]: open() releases, the notifier's exchange acquires the entry; the notifier releases
/// what it did in passing, close() acquires it. So after close() none starts, and all that have are
/// known.
class SpawnGate {
 public:
  /// REQUIRES: closed.
  void open(const Entry& entry) noexcept {
    SMTNI_EXPECT(state_.load(std::memory_order_relaxed) == State::disarmed);  // own thread's
    entry_ = entry;
    state_.store(State::armed, std::memory_order_release);  // [gate]
  }

  /// Returns what `start(entry)` does; false when closed. THREADS: one notifier at a time.
  /// COST: an exchange on a line that is the notifier's own in between.
  template <class Start>
  [[nodiscard]] bool pass(Start&& start) noexcept {
    State expected = State::armed;
    if (!state_.compare_exchange_strong(expected, State::passing, std::memory_order_acquire,
                                        std::memory_order_relaxed)) {  // [gate]
      return false;
    }
    const bool has_started = start(entry_);
    state_.store(State::armed, std::memory_order_release);  // [gate]
    return has_started;
  }

  /// Waits while a notification passes. Does nothing when closed.
  void close() noexcept {
    SpinDeadline patience(in(kSpawnPatience));
    for (State expected = State::armed;
         !state_.compare_exchange_strong(expected, State::disarmed, std::memory_order_acquire,
                                         std::memory_order_relaxed);  // [gate]
         expected = State::armed) {
      if (expected == State::disarmed) return;
      SMTNI_EXPECT(!patience.passed());
      ::sched_yield();
    }
  }

  [[nodiscard]] bool is_open() const noexcept {
    return state_.load(std::memory_order_relaxed) != State::disarmed;  // asked by who opens it
  }

 private:
  enum class State : std::uint8_t { disarmed, armed, passing };

  alignas(kCacheLine) std::atomic<State> state_{State::disarmed};
  Entry entry_{};
};

}  // namespace smtni::notify::internal
