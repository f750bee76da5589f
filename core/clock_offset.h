#pragma once

#include <cstdint>

#include "core/result.h"
#include "core/units.h"

namespace smtni {

/// How far one CPU's time-stamp counter is ahead of another's.
struct ClockOffset {
  /// Counter of `cpu_b` minus counter of `cpu_a`, at the same moment.
  std::int64_t cycles = 0;
  /// The true offset lies within `cycles` ± this: half of the shortest round trip seen.
  TscCycles uncertainty;
  std::uint32_t rounds = 0;
};

struct ClockOffsetOptions {
  std::uint32_t rounds = 2000;
  Nanoseconds patience{1'000'000'000};
};

/// Measures the offset as NTP does (Mills, RFC 5905, section 8), over one cache line: A reads its
/// counter and writes, B sees that, reads its own and answers, A sees that and reads again. A
/// message never takes less than no time, so each direction's smallest difference bounds the offset
/// from one side, and the minimum over all rounds, unlike a mean, is free of preempted rounds.
///
/// One CPU has one counter: offset 0, uncertainty 0, nothing is run.
/// `timed_out` when not one round ended in time; with fewer rounds than wished the bound still
/// holds. THREADS: any; runs on two threads of its own, pinned for the purpose.
Result<ClockOffset> measure_clock_offset(int cpu_a, int cpu_b,
                                         const ClockOffsetOptions& options = {});

}  // namespace smtni
