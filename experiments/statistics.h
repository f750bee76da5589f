#pragma once

#include <cstdint>
#include <span>

#include "experiments/results.h"

/// \file
/// Statistics over repetitions. The unit of resampling is what the caller puts in: one number for
/// each repetition or window, never single messages of one run, whose errors are not independent
/// (Kalibera and Jones, "Rigorous benchmarking in reasonable time", ISMM 2013).
namespace smtni::experiments {

/// The middle value, or the mean of the two middle ones.
/// REQUIRES: there is one value at least.
[[nodiscard]] double median(std::span<const double> values);

/// How an interval is found: by the percentile bootstrap (Efron, "Bootstrap methods", Annals of
/// Statistics 1979). The same seed gives the same interval, on every machine.
struct Bootstrap {
  std::uint64_t seed;
  int resamples = 1000;
};

/// The median of `values` with its 95 % confidence interval. One value alone is its own interval.
/// REQUIRES: there is one value at least.
[[nodiscard]] Estimate median_estimate(std::span<const double> values, Bootstrap bootstrap);

/// The ratio of two medians, with its 95 % confidence interval. Both are resampled, each by itself.
/// REQUIRES: both have one value at least; no denominator is zero.
struct Ratio {
  std::span<const double> numerators;
  std::span<const double> denominators;
};
[[nodiscard]] Estimate ratio_estimate(Ratio ratio, Bootstrap bootstrap);

}  // namespace smtni::experiments
