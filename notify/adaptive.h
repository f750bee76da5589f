#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>

#include "core/cpu.h"
#include "core/deadline.h"
#include "core/tsc_clock.h"
#include "core/units.h"
#include "notify/lock_table_mechanisms.h"
#include "notify/mechanism.h"
#include "notify/poll.h"
#include "notify/spin_policy.h"

namespace smtni::notify {

/// What became of the waits that did not find news at once, and what was learned from them.
struct AdaptiveCounts {
  std::uint64_t spins_that_met = 0;  ///< news, or the deadline, came while the receiver spun
  /// Waits that went on to park; a few of them find news at the last look and do not sleep.
  std::uint64_t parks = 0;
  std::uint64_t parks_measured = 0;  ///< those whose cost is known
  TscCycles limit;                   ///< how long the next wait spins
  TscCycles park_cost;               ///< what a park is taken to cost

  /// Calls visit(name, count) for each, as results name them.
  template <class Visit>
  void for_each(Visit visit) const {
    visit("spins_that_met", spins_that_met);
    visit("parks", parks);
    visit("parks_measured", parks_measured);
    visit("spin_limit_cycles", limit.count());
    visit("park_cost_cycles", park_cost.count());
  }
};

/// The receiver spins for as long as the gaps of its earlier waits justify (SpinPolicy), looking at
/// the truth itself, and then parks as in lock-table/park, whose hand-shake this is. A gap lasts
/// from the beginning of a wait to the news. A park costs what it delays the receiver: from when
/// the notifier sets out to wake it until it runs. `Options::spin` is not read.
///
/// The time that a park needs to fall asleep, and the notifier's system call, are not counted.
class Adaptive {
 public:
  static constexpr MechanismInfo kInfo{
      "adaptive", Role::waits, "ours",
      "the receiver spins for what earlier gaps justify, then sleeps in a futex"};
  /// What a park is taken to cost until one is measured: about 20 us.
  static constexpr TscCycles kSupposedParkCost{50'000};

  static Result<std::unique_ptr<Adaptive>> open(const Options& options);

  void prepare() noexcept { parking_->prepare(); }

  /// COST: one line transfer and a system call if the receiver has parked since the last one.
  bool notify(const void* /*record*/) noexcept {
    // Relaxed: a measurement, of which the hand-shake knows nothing. A receiver that reads an
    // older one sees that it lies before its park.
    parking_->notify_and(
        [this] { set_out_.store(TscClock::now().reading(), std::memory_order_relaxed); });
    return true;
  }

  template <News N>
  Wake wait(const N& news, Deadline until) noexcept {
    if (news()) return Wake::news;
    const TscInstant began = TscClock::now();
    if (const std::optional<Wake> met = spin(news, began, until)) return *met;
    if (has_passed(until)) return Wake::timed_out;
    const TscInstant parked = TscClock::now();
    const Wake wake = parking_->wait(news, until);
    learn_from_park({.began = began, .parked = parked, .woken = TscClock::now()});
    return wake;
  }

  /// THREADS: the receiver.
  [[nodiscard]] AdaptiveCounts counts() const noexcept;

  /// What notify() would fall back on, and did: see lock-table/park. THREADS: as there.
  [[nodiscard]] Fallback expected() const noexcept { return parking_->expected(); }
  [[nodiscard]] FallbackCounts fallbacks() const noexcept { return parking_->fallbacks(); }

 private:
  struct Park {
    TscInstant began;  // the wait
    TscInstant parked;
    TscInstant woken;
  };

  explicit Adaptive(std::unique_ptr<LockPark> parking) noexcept;

  // Nothing: the limit is reached.
  template <News N>
  std::optional<Wake> spin(const N& news, TscInstant began, Deadline until) noexcept {
    const TscCycles limit = policy_.limit();
    PollPause between;
    SpinDeadline deadline(until);
    for (;;) {
      const TscCycles spun = TscClock::now() - began;
      if (spun >= limit) return std::nullopt;
      const bool has_news = news();
      if (has_news || deadline.passed()) {
        learn_from_spin(spun);
        return has_news ? Wake::news : Wake::timed_out;
      }
      between.turn();
    }
  }

  void learn_from_spin(TscCycles spun) noexcept;
  void learn_from_park(const Park& park) noexcept;

  const std::unique_ptr<LockPark> parking_;
  // The receiver's.
  alignas(kLinePair) SpinPolicy policy_;
  AdaptiveCounts counts_;
  // When the notifier last set out to wake the receiver. Written by the notifier, read after a
  // park.
  alignas(kLinePair) std::atomic<std::uint64_t> set_out_{0};
};

}  // namespace smtni::notify
