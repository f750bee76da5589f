#pragma once

#include <sched.h>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>

#include "core/cpu.h"
#include "core/deadline.h"
#include "core/result.h"

namespace smtni::internal {

/// Turns of a spin before it lets another thread of the same CPU run: some 20 µs, far more than a
/// line needs to move.
inline constexpr std::uint32_t kSpinTurns = 20'000;

struct NoPause {
  void operator()() const noexcept {}
};
struct OnePause {
  void operator()() const noexcept { cpu_pause(); }
};

/// Spins until `arrived()`, with `pause()` between two looks; after kSpinTurns gives the CPU away
/// at every turn. False when the deadline passed first.
template <class Pause, class Arrived>
bool spin_until(Arrived arrived, Deadline until) noexcept {
  for (std::uint32_t turn = 0; turn < kSpinTurns; ++turn) {
    if (arrived()) return true;
    Pause()();
  }
  while (!arrived()) {
    if (has_passed(until)) return false;
    ::sched_yield();
  }
  return true;
}

/// Two threads, each pinned to one CPU, that sleep between jobs. They inherit the caller's
/// scheduling class; the caller's own affinity is not touched.
class PinnedPair {
 public:
  /// Fails when a thread cannot be made or pinned.
  static Result<PinnedPair> open(int cpu_a, int cpu_b);

  PinnedPair(PinnedPair&&) noexcept;
  PinnedPair& operator=(PinnedPair&&) = delete;
  ~PinnedPair();

  /// Runs both at the same time, one on each CPU, and returns when both have ended. What was
  /// written before is seen by both, and what both wrote is seen after. REQUIRES: both end by
  /// themselves; neither throws. THREADS: one caller at a time.
  void run(const std::function<void()>& on_a, const std::function<void()>& on_b);

 private:
  struct State;

  explicit PinnedPair(std::unique_ptr<State> state) noexcept;

  std::unique_ptr<State> state_;
};

}  // namespace smtni::internal
