#include "experiments/disturbance_levels.h"

#include <algorithm>
#include <string>
#include <utility>

#include "experiments/contest.h"
#include "experiments/statistics.h"
#include "experiments/working_set.h"

namespace smtni::experiments {
namespace {

constexpr int kWarmPasses = 2;
constexpr int kTimedPasses = 3;

}  // namespace

CacheLevels::CacheLevels(const NamedPlacement& placement)
    : placement_(&placement), sizes_(read_cache_sizes(placement.cpus.receiver)) {}

void CacheLevels::measure(const Request& request, std::uint64_t seed) {
  if (!sizes_) return;
  const std::array sizes = {sizes_->l1d / 2, sizes_->l2 / 2, 4 * sizes_->l2};
  const Bout bout{.cpus = placement_->cpus,
                  .clock = request.clock,
                  .duration = request.effort.duration,
                  .seed = seed,
                  .stop = request.stop};
  for (std::size_t level = 0; level < sizes.size(); ++level) {
    auto set = WorkingSet::create(sizes[level], seed);
    if (!set) return;
    // The least of the passes: what comes between, such as another thread, only adds to one.
    TscCycles least{~std::uint64_t{0}};
    const auto near = [&] {
      for (int pass = 0; pass < kWarmPasses; ++pass) set->pass();
      for (int pass = 0; pass < kTimedPasses; ++pass) least = std::min(least, set->timed_pass());
    };
    if (!run_pair(bout, near, [] {})) return;
    load_ns_[level].push_back(request.clock.nanoseconds(least) / static_cast<double>(set->lines()));
  }
}

std::optional<double> CacheLevels::refill_ns(int level) const {
  const auto& here = load_ns_[static_cast<std::size_t>(level - 1)];
  const auto& beyond = load_ns_[static_cast<std::size_t>(level)];
  if (here.empty() || beyond.empty()) return std::nullopt;
  const double difference = median(beyond) - median(here);
  if (difference <= 0) return std::nullopt;
  return difference;
}

void CacheLevels::add_fields(Fields& fields, std::uint64_t seed) const {
  constexpr std::array kKeys = {"l1d_load_ns", "l2_load_ns", "beyond_l2_load_ns"};
  for (std::size_t level = 0; level < kKeys.size(); ++level) {
    if (load_ns_[level].empty()) continue;
    std::string key = placement_->name + "_" + kKeys[level];
    std::replace(key.begin(), key.end(), '-', '_');
    fields.push_back({std::move(key), median_estimate(load_ns_[level], {.seed = seed})});
  }
}

}  // namespace smtni::experiments
