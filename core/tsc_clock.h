#pragma once

#include <cstdint>

#include "core/result.h"
#include "core/units.h"

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace smtni {

/// The time-stamp counter (on AArch64 the generic timer), calibrated against CLOCK_MONOTONIC.
///
/// Cycles are what is recorded; they become time here and only for reporting.
class TscClock {
 public:
  /// Calibrates for about 20 ms. `unsupported` when the counter is not invariant: such readings
  /// would be durations at an unknown rate.
  static Result<TscClock> calibrate();

  /// A reading not moved by the processor past what follows: the start of a timed region.
  [[nodiscard]] static TscInstant begin() noexcept {
#if defined(__x86_64__)
    const std::uint64_t reading = __rdtsc();
    _mm_lfence();
    return TscInstant(reading);
#else
    return now();
#endif
  }

  /// A reading not taken before what precedes has completed: the end of a timed region.
  [[nodiscard]] static TscInstant end() noexcept {
#if defined(__x86_64__)
    unsigned processor = 0;
    return TscInstant(__rdtscp(&processor));
#else
    return now();
#endif
  }

  /// The cheapest reading, free to move a few instructions either way.
  [[nodiscard]] static TscInstant now() noexcept {
#if defined(__x86_64__)
    return TscInstant(__rdtsc());
#elif defined(__aarch64__)
    std::uint64_t reading = 0;
    asm volatile("isb; mrs %0, cntvct_el0" : "=r"(reading)::"memory");
    return TscInstant(reading);
#endif
  }

  [[nodiscard]] double nanoseconds(TscCycles cycles) const noexcept {
    return static_cast<double>(cycles.count()) * nanoseconds_per_cycle_;
  }
  [[nodiscard]] TscCycles cycles(Nanoseconds span) const noexcept {
    return TscCycles(
        static_cast<std::uint64_t>(static_cast<double>(span.count()) / nanoseconds_per_cycle_));
  }
  [[nodiscard]] double megahertz() const noexcept { return 1000.0 / nanoseconds_per_cycle_; }

 private:
  explicit TscClock(double nanoseconds_per_cycle) noexcept
      : nanoseconds_per_cycle_(nanoseconds_per_cycle) {}

  double nanoseconds_per_cycle_;
};

}  // namespace smtni
