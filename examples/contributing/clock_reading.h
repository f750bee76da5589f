#pragma once

#include <array>
#include <vector>

#include "core/histogram.h"
#include "core/tsc_clock.h"
#include "experiments/experiment.h"
#include "experiments/statistics.h"

namespace smtni::experiments {

/// Timed: nothing, by two readings in a row; so the difference is what the clock adds to every
/// other figure. Excluded: recording it. A repetition gives its median.
inline Result<Findings> clock_reading(const Request& request) {
  constexpr int kPairsPerRepetition = 1000;
  std::vector<double> medians_ns;
  request.progress->begin(static_cast<std::uint64_t>(request.effort.repetitions));
  for (int i = 0; i < request.effort.repetitions && !request.stop.stop_requested(); ++i) {
    request.progress->step("clock-reading");
    Histogram cycles(1'000'000);
    for (int pair = 0; pair < kPairsPerRepetition; ++pair) {
      const TscInstant start = TscClock::begin();
      const TscInstant end = TscClock::end();
      cycles.record((end - start).count());
    }
    medians_ns.push_back(request.clock.nanoseconds(TscCycles(cycles.percentile(50))));
  }
  if (medians_ns.empty()) return Findings{};  // stopped: nothing of it is written
  const Estimate cost = median_estimate(medians_ns, {.seed = request.seed});
  return Findings{
      .measured = {},
      .rows = {{"rdtsc", request.placements.front().name, Status::ok, "", {{"reading_ns", cost}}}}};
}

inline constexpr std::array kClockReadingColumns = {Column{"pair ns", "reading_ns"}};

inline constexpr Experiment kClockReading = {
    .name = "clock-reading",
    .question = "What does a pair of clock readings add to a figure?",
    .unit = "ns",
    .takes_mechanisms = false,
    .run = clock_reading,
    .standard = {.repetitions = 100, .duration = {}},
    .quick = {.repetitions = 20, .duration = {}},
    .smoke = {.repetitions = 2, .duration = {}},
    .columns = kClockReadingColumns,
    .sorted_by = "",
    .reading = "No latency shorter than this can be told from zero.",
    .own_options = {},
};

}  // namespace smtni::experiments
