#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "core/cpu.h"
#include "notify/mechanism.h"

namespace smtni::notify {

/// The receiver sleeps on a futex; every notification changes the word and asks for a wake-up. No
/// spinning and no shortcut on either side: that is lock-table/park.
///
/// Edge [word]: the notifier changes the word with release, after the news; the receiver reads it
/// with acquire, before it looks. Either it sees the change, and so the news; or the kernel finds
/// the word changed and does not let it sleep; or it sleeps, and the wake-up that follows the
/// change finds it. The word may wrap: a sleep would have to begin exactly 2^32 notifications late.
class Futex {
 public:
  static constexpr MechanismInfo kInfo{"kernel/futex", Role::waits, "baseline",
                                       "the receiver sleeps on a futex word"};

  static Result<std::unique_ptr<Futex>> open(const Options&) { return std::make_unique<Futex>(); }

  /// COST: a bus lock and futex(FUTEX_WAKE).
  bool notify(const void* record) noexcept;

  /// COST: futex(FUTEX_WAIT_BITSET) for each sleep.
  template <News N>
  Wake wait(const N& news, Deadline until) noexcept {
    for (;;) {
      const std::uint32_t seen = word_.load(std::memory_order_acquire);  // [word]
      if (news()) return Wake::news;
      if (has_passed(until)) return Wake::timed_out;
      sleep_while(seen, until);
    }
  }

 private:
  // Returns when the word is not `seen`, or at the deadline, or for no reason.
  void sleep_while(std::uint32_t seen, Deadline until) noexcept;

  // Written by the notifier, read by the receiver and the kernel.
  alignas(kCacheLine) std::atomic<std::uint32_t> word_{0};
};

}  // namespace smtni::notify
