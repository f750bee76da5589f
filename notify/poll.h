#pragma once

#include <sched.h>

#include <cstdint>
#include <ctime>
#include <memory>
#include <type_traits>

#include "core/cpu.h"
#include "notify/mechanism.h"

/// \file
/// The baseline that needs no notification: the receiver asks the truth itself, over and over. The
/// four differ in what they do between two looks.
namespace smtni::notify {

/// Between two looks: nothing.
struct PollSpin {
  static constexpr MechanismInfo kInfo{"poll/spin", Role::waits, "baseline",
                                       "the receiver looks again at once"};
  /// Turns between two yields, which cost next to nothing at this distance and without which a
  /// notifier on the same processor would have to wait for the end of the time slice.
  static constexpr std::uint32_t kTurnsPerYield = 4096;

  void turn() noexcept {
    if (++turn_ % kTurnsPerYield == 0) sched_yield();
  }

 private:
  std::uint32_t turn_ = 0;
};

/// Between two looks: one PAUSE, which leaves the core to an SMT sibling.
struct PollPause {
  static constexpr MechanismInfo kInfo{"poll/pause", Role::waits, "baseline",
                                       "the receiver looks again after a PAUSE"};
  /// As in PollSpin; a turn is longer here.
  static constexpr std::uint32_t kTurnsPerYield = 1024;

  void turn() noexcept {
    cpu_pause();
    if (++turn_ % kTurnsPerYield == 0) sched_yield();
  }

 private:
  std::uint32_t turn_ = 0;
};

/// Between two looks: whoever else is ready on this processor.
struct PollYield {
  static constexpr MechanismInfo kInfo{"poll/yield", Role::waits, "baseline",
                                       "the receiver looks again after sched_yield"};

  static void turn() noexcept { sched_yield(); }
};

/// Between two looks: sleep. The period is the mechanism here, not a cure for a lost wake-up.
struct PollSleep {
  static constexpr MechanismInfo kInfo{"poll/sleep", Role::waits, "baseline",
                                       "the receiver looks again after 50 us of sleep"};
  static constexpr long kPeriodNs = 50'000;

  static void turn() noexcept {
    const timespec period{0, kPeriodNs};
    clock_nanosleep(CLOCK_MONOTONIC, 0, &period, nullptr);
  }
};

/// A mechanism out of one of the above.
template <class Between>
class Poll {
 public:
  static constexpr MechanismInfo kInfo = Between::kInfo;

  static Result<std::unique_ptr<Poll>> open(const Options&) { return std::make_unique<Poll>(); }

  /// Does nothing: the receiver sees the news by itself.
  bool notify(const void* /*record*/) noexcept { return true; }

  /// Notices the deadline a turn late, or kTurnsPerReading of them where turns are short.
  template <News N>
  Wake wait(const N& news, Deadline until) noexcept {
    Between between;
    Watch watch(until);
    while (!news()) {
      if (watch.passed()) return Wake::timed_out;
      between.turn();
    }
    return Wake::news;
  }

 private:
  // A turn that asks the operating system may last long, and reading the clock adds little to it.
  struct EveryTurn {
    explicit EveryTurn(Deadline end) noexcept : until(end) {}
    [[nodiscard]] bool passed() const noexcept { return has_passed(until); }
    Deadline until;
  };
  static constexpr bool kAsksTheSystem =
      std::is_same_v<Between, PollYield> || std::is_same_v<Between, PollSleep>;
  using Watch = std::conditional_t<kAsksTheSystem, EveryTurn, SpinDeadline>;
};

}  // namespace smtni::notify
