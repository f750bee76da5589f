#include "notify/adaptive.h"

#include <algorithm>
#include <utility>

namespace smtni::notify {

Result<std::unique_ptr<Adaptive>> Adaptive::open(const Options& options) {
  Options at_once = options;
  at_once.spin = Nanoseconds(0);
  return LockPark::open(at_once).map([](std::unique_ptr<LockPark>&& parking) {
    return std::unique_ptr<Adaptive>(new Adaptive(std::move(parking)));
  });
}

Adaptive::Adaptive(std::unique_ptr<LockPark> parking) noexcept
    : parking_(std::move(parking)), policy_(kSupposedParkCost) {}

AdaptiveCounts Adaptive::counts() const noexcept {
  AdaptiveCounts counts = counts_;
  counts.limit = policy_.limit();
  counts.park_cost = policy_.park_cost();
  return counts;
}

void Adaptive::learn_from_spin(TscCycles spun) noexcept {
  ++counts_.spins_that_met;
  policy_.waited({.gap = spun, .park_cost = {}});
}

void Adaptive::learn_from_park(const Park& park) noexcept {
  ++counts_.parks;
  const TscCycles above_limit = policy_.limit() + TscCycles(1);
  const TscInstant set_out(set_out_.load(std::memory_order_relaxed));
  if (park.parked <= set_out && set_out <= park.woken) {
    ++counts_.parks_measured;
    policy_.waited(
        {.gap = std::max(set_out - park.began, above_limit), .park_cost = park.woken - set_out});
    return;
  }
  // It did not sleep, or slept until its deadline. The gap is at least what is left without a
  // park's cost, and the policy must not be told more.
  const TscCycles lasted = park.woken - park.began;
  const TscCycles known = lasted - std::min(lasted, policy_.park_cost());
  policy_.waited({.gap = std::max(known, above_limit), .park_cost = {}});
}

}  // namespace smtni::notify
