#include "experiments/statistics.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <random>
#include <vector>

#include "core/expect.h"

namespace smtni::experiments {
namespace {

// Reorders `values`.
double median_of(std::vector<double>& values) {
  const std::size_t half = values.size() / 2;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(half);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return (*std::max_element(values.begin(), middle) + *middle) / 2;
}

// std::uniform_int_distribution would differ between standard libraries. The generator is 64 bits
// wide and the sizes small, so that the bias of a remainder is far below one resample.
double resampled_median(std::span<const double> values, std::mt19937_64& random,
                        std::vector<double>& scratch) {
  scratch.resize(values.size());
  for (double& value : scratch) value = values[random() % values.size()];
  return median_of(scratch);
}

// Drops 2.5 % of the resampled values on either side.
Estimate with_interval(double value, std::vector<double>& resampled) {
  std::sort(resampled.begin(), resampled.end());
  const auto last = static_cast<double>(resampled.size() - 1);
  const auto at = [&](double share) {
    return resampled[static_cast<std::size_t>(std::lround(share * last))];
  };
  return {.value = value, .low = at(0.025), .high = at(0.975)};
}

}  // namespace

double median(std::span<const double> values) {
  SMTNI_EXPECT(!values.empty());
  std::vector<double> copy(values.begin(), values.end());
  return median_of(copy);
}

Estimate median_estimate(std::span<const double> values, Bootstrap bootstrap) {
  SMTNI_EXPECT(bootstrap.resamples > 0);
  const double value = median(values);
  std::mt19937_64 random(bootstrap.seed);
  std::vector<double> scratch;
  std::vector<double> resampled(static_cast<std::size_t>(bootstrap.resamples));
  for (double& one : resampled) one = resampled_median(values, random, scratch);
  return with_interval(value, resampled);
}

Estimate ratio_estimate(Ratio ratio, Bootstrap bootstrap) {
  SMTNI_EXPECT(bootstrap.resamples > 0);
  const double value = median(ratio.numerators) / median(ratio.denominators);
  std::mt19937_64 random(bootstrap.seed);
  std::vector<double> scratch;
  std::vector<double> resampled(static_cast<std::size_t>(bootstrap.resamples));
  for (double& one : resampled) {
    const double numerator = resampled_median(ratio.numerators, random, scratch);
    one = numerator / resampled_median(ratio.denominators, random, scratch);
  }
  return with_interval(value, resampled);
}

}  // namespace smtni::experiments
