#include "notify/spin_policy.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "tests/unit/recorded_gaps.h"

// Simulation: the bound is arithmetic over a trace, and is checked after every wait of it. Whether
// the gaps that a mechanism tells the policy are the true ones is not asked here.
namespace smtni::notify {
namespace {

constexpr std::int64_t kPark = 50'000;
constexpr std::int64_t kForever = std::int64_t{1} << 50;

using Trace = std::vector<std::int64_t>;

struct Costs {
  std::int64_t own = 0;
  std::int64_t spin = 0;  // of always spinning
  std::int64_t park = 0;  // of always parking

  [[nodiscard]] std::int64_t better() const { return std::min(spin, park); }
};

// Carries waits out as the policy says, and holds its costs against those of the fixed choices.
class Simulation {
 public:
  explicit Simulation(std::int64_t start = kPark)
      : policy_(TscCycles(static_cast<std::uint64_t>(start))),
        start_allowance_(2 * start),
        dearest_(start) {}

  [[nodiscard]] std::int64_t limit() const {
    return static_cast<std::int64_t>(policy_.limit().count());
  }
  [[nodiscard]] std::int64_t park_cost() const {
    return static_cast<std::int64_t>(policy_.park_cost().count());
  }
  [[nodiscard]] const Costs& costs() const { return costs_; }

  void wait(std::int64_t gap, std::int64_t measured_park = kPark) {
    const bool parks = limit() == 0 || gap > limit();
    costs_.own += parks ? limit() + park_cost() : gap;
    costs_.spin += gap;
    costs_.park += park_cost();
    dearest_ = std::max(dearest_, park_cost());
    SpinPolicy::Outcome outcome{.gap = TscCycles(static_cast<std::uint64_t>(gap)), .park_cost = {}};
    if (parks) outcome.park_cost = TscCycles(static_cast<std::uint64_t>(measured_park));
    policy_.waited(outcome);
    check();
  }

  void run(const Trace& trace) {
    for (const std::int64_t gap : trace) wait(gap);
  }

 private:
  // Twice the better fixed choice, plus two parks since the start; plus 16 since any moment.
  void check() {
    ++waits_;
    const std::int64_t in_hand_spin = 2 * costs_.spin - costs_.own;
    const std::int64_t in_hand_park = 2 * costs_.park - costs_.own;
    most_spin_ = std::max(most_spin_, in_hand_spin);
    most_park_ = std::max(most_park_, in_hand_park);
    ASSERT_GE(in_hand_spin, -start_allowance_) << "after wait " << waits_;
    ASSERT_GE(in_hand_park, -start_allowance_) << "after wait " << waits_;
    ASSERT_LE(most_spin_ - in_hand_spin, 16 * dearest_) << "after wait " << waits_;
    ASSERT_LE(most_park_ - in_hand_park, 16 * dearest_) << "after wait " << waits_;
  }

  SpinPolicy policy_;
  const std::int64_t start_allowance_;
  std::int64_t dearest_;
  Costs costs_;
  std::int64_t most_spin_ = 0;
  std::int64_t most_park_ = 0;
  int waits_ = 0;
};

Trace constant(std::int64_t gap, std::size_t waits = 4000) { return Trace(waits, gap); }

Trace random_trace(std::size_t waits, const std::function<double()>& next) {
  Trace trace;
  while (trace.size() < waits) {
    trace.push_back(static_cast<std::int64_t>(std::min(next(), 1e12)));
  }
  return trace;
}

Costs costs_of(const Trace& trace) {
  Simulation simulation;
  simulation.run(trace);
  return simulation.costs();
}

TEST(SpinPolicy, ParksAtOnceUntilAParkIsMeasured) {
  SpinPolicy policy(TscCycles(50'000));
  EXPECT_EQ(policy.limit(), TscCycles(0));
  EXPECT_EQ(policy.park_cost(), TscCycles(50'000));
}

TEST(SpinPolicy, SpinsForOneParkOnceTheAllowanceIsSpent) {
  SpinPolicy policy(TscCycles(50'000));
  policy.waited({.gap = TscCycles(0), .park_cost = {}});
  EXPECT_EQ(policy.limit(), TscCycles(0));
  policy.waited({.gap = TscCycles(0), .park_cost = {}});
  EXPECT_EQ(policy.limit(), TscCycles(50'000));
}

TEST(SpinPolicy, FollowsTheMeasuredCostAndHoldsOutliersDown) {
  SpinPolicy policy(TscCycles(50'000));
  policy.waited({.gap = TscCycles(1'000'000), .park_cost = TscCycles(10'000)});
  EXPECT_EQ(policy.park_cost(), TscCycles(45'000));
  policy.waited({.gap = TscCycles(1'000'000), .park_cost = TscCycles(1'000'000'000)});
  EXPECT_EQ(policy.park_cost(), TscCycles(50'625));
}

TEST(SpinPolicy, StaysNearSpinningWhileGapsAreShort) {
  for (const std::int64_t gap : {0L, 1L, 500L, 5'000L, 25'000L, 45'000L}) {
    SCOPED_TRACE(gap);
    const Costs costs = costs_of(constant(gap));
    EXPECT_LE(costs.own, costs.spin + costs.spin / 50 + 4 * kPark);
  }
}

TEST(SpinPolicy, StaysNearParkingWhileGapsAreLong) {
  for (const std::int64_t gap : {55'000L, 100'000L, 5'000'000L, kForever}) {
    SCOPED_TRACE(gap);
    const Costs costs = costs_of(constant(gap, 1000));
    EXPECT_LE(costs.own, costs.park + costs.park / 50);
  }
}

TEST(SpinPolicy, StaysNearEitherWhileGapsAreAboutOnePark) {
  for (const std::int64_t gap : {kPark - 1, kPark, kPark + 1}) {
    SCOPED_TRACE(gap);
    const Costs costs = costs_of(constant(gap));
    EXPECT_LE(costs.own, costs.better() + costs.better() / 20);
  }
}

TEST(SpinPolicy, StaysNearTheBetterOnRandomStationaryGaps) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> unit(1e-9, 1.0);
  for (const double mean : {0.02, 0.3, 0.9, 1.1, 3.0, 50.0}) {
    SCOPED_TRACE(mean);
    std::exponential_distribution<double> gap(1.0 / (mean * kPark));
    const Costs exponential = costs_of(random_trace(20'000, [&] { return gap(random); }));
    EXPECT_LE(exponential.own, exponential.better() + exponential.better() / 4);
    // Pareto of shape 1.2: most gaps short, and a few that outweigh them all.
    const double least = mean * kPark * (0.2 / 1.2);
    const Costs pareto =
        costs_of(random_trace(20'000, [&] { return least * std::pow(unit(random), -1.0 / 1.2); }));
    EXPECT_LE(pareto.own, pareto.better() + pareto.better() / 4);
  }
}

// A wait that has lasted for a park ends soon after: to park then is the worst moment.
TEST(SpinPolicy, SpinsBeyondOneParkWhereThatIsCheapest) {
  Trace trace;
  for (int round = 0; round < 1000; ++round) {
    trace.insert(trace.end(), {10'000, 60'000, 30'000, 70'000});
  }
  const Costs costs = costs_of(trace);
  EXPECT_EQ(costs.spin, 170'000'000);
  EXPECT_EQ(costs.park, 200'000'000);
  EXPECT_LE(costs.own, 175'000'000);
}

TEST(SpinPolicy, BeatsBothFixedChoicesOnBursts) {
  Trace trace;
  for (int burst = 0; burst < 200; ++burst) {
    trace.insert(trace.end(), 20, 2'000);
    trace.push_back(10'000'000);
  }
  const Costs costs = costs_of(trace);
  EXPECT_LE(costs.own * 4, costs.better());
}

TEST(SpinPolicy, KeepsItsBoundOnAlternatingGaps) {
  for (const std::int64_t longer : {kPark - 1, kPark + 1, 2 * kPark, 20 * kPark, 1000 * kPark}) {
    Trace trace;
    for (int pair = 0; pair < 2000; ++pair) trace.insert(trace.end(), {100, longer});
    Simulation().run(trace);
  }
}

TEST(SpinPolicy, KeepsItsBoundWhenThePhaseChanges) {
  for (const std::size_t length : {1U, 3U, 10U, 100U, 1000U}) {
    Simulation simulation;
    for (int phase = 0; phase < 30; ++phase) {
      simulation.run(constant(phase % 2 == 0 ? 300 : 40 * kPark, length));
    }
  }
}

// The worst that an adversary who knows the limit can do: news just after it, or where that is far
// off, at it; or at once where the policy parks.
TEST(SpinPolicy, KeepsItsBoundAgainstAnAdversaryWhoKnowsTheLimit) {
  Simulation just_beyond;
  for (int wait = 0; wait < 5000; ++wait) just_beyond.wait(just_beyond.limit() + 1);
  EXPECT_GT(just_beyond.costs().own * 10, 19 * just_beyond.costs().better());
  Simulation against_spinning;
  for (int wait = 0; wait < 5000; ++wait) {
    against_spinning.wait(against_spinning.limit() == 0 ? 0 : against_spinning.limit() + 1);
  }
  Simulation greedy;  // lures it into a long spin, then takes the longest
  for (int wait = 0; wait < 5000; ++wait) {
    const bool is_long = greedy.limit() > greedy.park_cost();
    greedy.wait(is_long ? greedy.limit() + 1 : greedy.park_cost() / 100);
  }
}

TEST(SpinPolicy, KeepsItsBoundAgainstARandomAdversary) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (int round = 0; round < 300; ++round) {
    Simulation simulation;
    std::size_t phase = 0;
    for (int wait = 0; wait < 400; ++wait) {
      if (random() % 40 == 0) phase = random() % 5;
      const std::int64_t limit = simulation.limit();
      const std::int64_t park = simulation.park_cost();
      const std::int64_t gaps[] = {0, park / 8, limit, limit + 1, 40 * park};
      const std::int64_t measured = static_cast<std::int64_t>(random() % (4 * kPark));
      simulation.wait(gaps[random() % 8 == 0 ? random() % 5 : phase], measured);
      ASSERT_FALSE(HasFatalFailure()) << "round " << round;
    }
  }
}

// No sum overflows, and no cost of a park is too small or large to be left again.
TEST(SpinPolicy, BearsAnyNumbers) {
  Simulation simulation(0);
  for (int wait = 0; wait < 400; ++wait) simulation.wait(kForever, 0);
  EXPECT_EQ(simulation.park_cost(), 16);
  for (int wait = 0; wait < 400; ++wait) simulation.wait(kForever, kForever);
  EXPECT_EQ(simulation.park_cost(), std::int64_t{1} << 40);
  SpinPolicy policy(TscCycles(~std::uint64_t{0}));
  for (int wait = 0; wait < 400; ++wait) {
    policy.waited({.gap = TscCycles(~std::uint64_t{0}), .park_cost = TscCycles(~std::uint64_t{0})});
  }
  EXPECT_EQ(policy.limit(), TscCycles(0));
}

TEST(SpinPolicy, KeepsItsBoundOnARecordedTraceAtAnyCostOfAPark) {
  for (const std::int64_t park : {2'000L, 20'000L, 50'000L, 200'000L, 2'000'000L}) {
    SCOPED_TRACE(park);
    Simulation simulation(park);
    for (const std::uint64_t gap : kRecordedGaps) {
      simulation.wait(static_cast<std::int64_t>(gap), park);
    }
    EXPECT_LE(simulation.costs().own, simulation.costs().better() * 5 / 4 + 2 * park);
  }
}

}  // namespace
}  // namespace smtni::notify
