#include "notify/spin_policy.h"

#include <algorithm>

namespace smtni::notify {
namespace {

// A new value counts for this part of a smoothed one.
constexpr std::uint64_t kCostMemory = 16;
constexpr std::uint64_t kParkMemory = 8;
// Another rule takes over when it is better by this part of a park: two that are nearly equal would
// otherwise change places with every gap.
constexpr std::uint64_t kMargin = 16;

std::uint64_t smoothed(std::uint64_t old, std::uint64_t latest, std::uint64_t memory) noexcept {
  return latest >= old ? old + (latest - old) / memory : old - (old - latest) / memory;
}

std::uint64_t within_bounds(std::uint64_t park_cost) noexcept {
  return std::clamp(park_cost, SpinPolicy::kCheapestPark.count(), SpinPolicy::kDearestPark.count());
}

}  // namespace

SpinPolicy::SpinPolicy(TscCycles park_cost) noexcept
    : park_cost_(within_bounds(park_cost.count())),
      against_spinning_(kStart * park_cost_),
      against_parking_(kStart * park_cost_) {
  choose_limit();
}

void SpinPolicy::waited(const Outcome& outcome) noexcept {
  const std::uint64_t most = kMost * park_cost_;
  // More than this tells nothing new: it is above every limit and fills the allowance.
  const std::uint64_t gap = std::min(outcome.gap.count(), (kLongest + kMost) * park_cost_);
  const std::uint64_t own = cost_of(limit_, gap);
  // Neither falls below zero: choose_limit() has seen to it.
  against_spinning_ = std::min(against_spinning_ + 2 * gap - own, most);
  against_parking_ = std::min(against_parking_ + 2 * park_cost_ - own, most);
  remember(gap);
  if (outcome.park_cost) learn_park(outcome.park_cost->count());
  choose_limit();
}

std::uint64_t SpinPolicy::limit_of(Rule rule) const noexcept {
  switch (rule) {
    case kParkAtOnce:
      return 0;
    case kSpinLong:
      return kLongest * park_cost_;
    default:
      return park_cost_;
  }
}

std::uint64_t SpinPolicy::cost_of(std::uint64_t limit, std::uint64_t gap) const noexcept {
  return limit > 0 && gap <= limit ? gap : limit + park_cost_;
}

void SpinPolicy::remember(std::uint64_t gap) noexcept {
  for (const Rule rule : {kBreakEven, kParkAtOnce, kSpinLong}) {
    recent_costs_[rule] = smoothed(recent_costs_[rule], cost_of(limit_of(rule), gap), kCostMemory);
  }
  const auto cheapest = static_cast<Rule>(
      std::min_element(recent_costs_.begin(), recent_costs_.end()) - recent_costs_.begin());
  if (recent_costs_[cheapest] + park_cost_ / kMargin < recent_costs_[best_]) best_ = cheapest;
}

void SpinPolicy::learn_park(std::uint64_t cost) noexcept {
  // One that the operating system has held up, however long, counts as twice the usual.
  park_cost_ = within_bounds(smoothed(park_cost_, std::min(cost, 2 * park_cost_), kParkMemory));
  has_measured_ = true;
}

void SpinPolicy::choose_limit() noexcept {
  const std::uint64_t wanted = has_measured_ ? limit_of(best_) : 0;
  const std::uint64_t shortest = park_cost_ - std::min(against_spinning_, park_cost_);
  const std::uint64_t longest = park_cost_ + against_parking_;
  limit_ = std::clamp(wanted, shortest, longest);
}

}  // namespace smtni::notify
