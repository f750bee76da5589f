#pragma once

#include <cstddef>
#include <cstdint>

#include "core/cpu.h"
#include "core/memory.h"
#include "core/result.h"
#include "core/tsc_clock.h"
#include "core/units.h"

namespace smtni::experiments {

/// Memory that a computation goes through again and again, one line after another in random order.
/// Each line holds the place of the next, so that no two loads overlap and no prefetcher guesses:
/// the time of a pass is the sum of its loads' latencies, and a line that was displaced shows.
class WorkingSet {
 public:
  /// A set of `size`, rounded down to whole lines, on huge pages where they are to be had.
  /// `invalid` for less than two lines.
  static Result<WorkingSet> create(Bytes size, std::uint64_t seed);

  [[nodiscard]] std::uint64_t lines() const noexcept { return lines_; }

  /// Loads each line once. COST: its time is what a measurement of it is after.
  void pass() noexcept {
    const Line* line = first_;
    for (std::uint64_t left = lines_; left != 0; --left) line = line->next;
    // The pass ends when its last load does, and is not left out for being unused.
    asm volatile("" : : "r"(line) : "memory");
  }

  /// A pass between two readings of the clock: no load begins before the first one, and the second
  /// is taken after the last load has ended.
  TscCycles timed_pass() noexcept;

  /// Lines from where a pass begins until it is there again: lines(), no more and no fewer.
  [[nodiscard]] std::uint64_t cycle() const noexcept;

 private:
  struct alignas(kCacheLine) Line {
    const Line* next;
  };

  WorkingSet(Memory memory, std::uint64_t lines, std::uint64_t seed);

  Memory memory_;
  std::uint64_t lines_;
  const Line* first_ = nullptr;
};

}  // namespace smtni::experiments
