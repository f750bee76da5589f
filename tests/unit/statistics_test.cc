#include "experiments/statistics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

namespace smtni::experiments {
namespace {

TEST(Statistics, TakesTheMiddleOrTheMeanOfTheTwoMiddleValues) {
  EXPECT_EQ(median(std::vector<double>{3, 1, 2}), 2);
  EXPECT_EQ(median(std::vector<double>{4, 1, 3, 2}), 2.5);
  EXPECT_EQ(median(std::vector<double>{7}), 7);
}

TEST(Statistics, GivesTheSameIntervalForTheSameSeed) {
  const std::vector<double> values{5, 1, 4, 2, 3, 9, 8, 7, 6};
  const Estimate first = median_estimate(values, {.seed = 7});
  const Estimate second = median_estimate(values, {.seed = 7});
  EXPECT_EQ(first.value, 5);
  EXPECT_EQ(first.low, second.low);
  EXPECT_EQ(first.high, second.high);
}

TEST(Statistics, GivesOneValueItselfAsInterval) {
  const Estimate estimate = median_estimate(std::vector<double>{42}, {.seed = 1});
  EXPECT_EQ(estimate.low, 42);
  EXPECT_EQ(estimate.high, 42);
}

TEST(Statistics, KeepsTheIntervalWithinTheDataAndAroundTheMedian) {
  const std::vector<double> values{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  const Estimate estimate = median_estimate(values, {.seed = 3});
  EXPECT_GE(estimate.low, 1);
  EXPECT_LT(estimate.low, 6);
  EXPECT_GT(estimate.high, 6);
  EXPECT_LE(estimate.high, 11);
}

// Of 200 samples of a normal distribution around 100, about 95 % of the intervals hold 100. The
// seed is fixed, so the count is too; the bounds are those of an honest interval.
TEST(Statistics, HoldsTheTrueMedianAboutNinetyFiveTimesInAHundred) {
  std::mt19937_64 random(11);
  std::normal_distribution<double> around(100, 5);
  int held = 0;
  for (int sample = 0; sample < 200; ++sample) {
    std::vector<double> values(25);
    for (double& value : values) value = around(random);
    const Estimate estimate =
        median_estimate(values, {.seed = static_cast<std::uint64_t>(sample), .resamples = 400});
    if (estimate.low <= 100 && 100 <= estimate.high) ++held;
  }
  EXPECT_GE(held, 180);
  EXPECT_LE(held, 199);
}

TEST(Statistics, EstimatesARatioOfMedians) {
  const std::vector<double> slow{200, 210, 190, 205, 195};
  const std::vector<double> fast{20, 21, 19, 20.5, 19.5};
  const Estimate ratio = ratio_estimate({.numerators = slow, .denominators = fast}, {.seed = 5});
  EXPECT_EQ(ratio.value, 10);
  EXPECT_GE(ratio.low, 190.0 / 21);
  EXPECT_LE(ratio.low, 10);
  EXPECT_GE(ratio.high, 10);
  EXPECT_LE(ratio.high, 210.0 / 19);
}

TEST(StatisticsDeathTest, RefusesAnEmptySample) {
  EXPECT_DEATH((void)median({}), "caller broke a contract");
}

}  // namespace
}  // namespace smtni::experiments
