#include "core/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

namespace smtni {
namespace {

constexpr std::uint64_t kHour = std::uint64_t{3600} * 1'000'000;

// The equivalent ranges that HdrHistogram's own test suite expects at three significant digits.
TEST(Histogram, HasTheBucketsOfHdrHistogram) {
  EXPECT_EQ(Histogram::lowest_equivalent(10'007), 10'000U);
  EXPECT_EQ(Histogram::lowest_equivalent(10'009), 10'008U);
  EXPECT_EQ(Histogram::highest_equivalent(8'180), 8'183U);
  EXPECT_EQ(Histogram::highest_equivalent(8'191), 8'191U);
  EXPECT_EQ(Histogram::highest_equivalent(8'193), 8'199U);
  EXPECT_EQ(Histogram::highest_equivalent(9'995), 9'999U);
  EXPECT_EQ(Histogram::highest_equivalent(10'007), 10'007U);
  EXPECT_EQ(Histogram::highest_equivalent(10'008), 10'015U);
}

TEST(Histogram, KeepsValuesBelow2048Exactly) {
  Histogram histogram(kHour);
  for (std::uint64_t value = 0; value < 2048; ++value) histogram.record(value);
  EXPECT_EQ(histogram.percentile(50), 1023U);
  EXPECT_EQ(histogram.percentile(25), 511U);
  EXPECT_EQ(histogram.percentile(100), 2047U);
  EXPECT_EQ(histogram.percentile(0), 0U);
}

// HdrHistogram's classic example: 10,000 values of 1 ms and one of 100 s, in microseconds.
TEST(Histogram, SeparatesAnOutlierFromTheRest) {
  Histogram histogram(kHour);
  for (int i = 0; i < 10'000; ++i) histogram.record(1'000);
  histogram.record(100'000'000);
  EXPECT_EQ(histogram.count(), 10'001U);
  EXPECT_EQ(histogram.percentile(50), 1'000U);
  EXPECT_EQ(histogram.percentile(99.99), 1'000U);
  EXPECT_EQ(histogram.percentile(99.999), 100'000'000U);
  EXPECT_EQ(histogram.max(), 100'000'000U);
}

TEST(Histogram, AgreesWithExactQuantilesToOnePartIn1024) {
  std::mt19937_64 random(20'221'120);
  std::lognormal_distribution<double> values(8, 3);
  Histogram histogram(std::uint64_t{1} << 50U);
  std::vector<std::uint64_t> exact;
  for (int i = 0; i < 100'000; ++i) {
    exact.push_back(static_cast<std::uint64_t>(values(random)));
    histogram.record(exact.back());
  }
  std::sort(exact.begin(), exact.end());
  for (const double percent : {0.1, 1.0, 10.0, 50.0, 90.0, 99.0, 99.9, 99.99, 100.0}) {
    const auto rank = static_cast<std::size_t>(std::ceil(percent / 100 * 100'000));
    const auto expected = static_cast<double>(exact[rank - 1]);
    const auto got = static_cast<double>(histogram.percentile(percent));
    EXPECT_GE(got, expected) << percent;
    EXPECT_LE(got, expected * (1 + 1.0 / 1024)) << percent;
  }
}

TEST(Histogram, CountsWhatIsTooLargeInItsLastBucketAndKeepsTheMaximum) {
  Histogram histogram(1'000);
  histogram.record(5);
  histogram.record(123'456'789);
  EXPECT_EQ(histogram.percentile(50), 5U);
  EXPECT_EQ(histogram.percentile(100), 123'456'789U);
  EXPECT_EQ(histogram.max(), 123'456'789U);
}

TEST(Histogram, MergesLikeOneThatRecordedBoth) {
  Histogram both(kHour);
  Histogram low(kHour);
  Histogram high(kHour);
  for (std::uint64_t value = 1; value <= 1'000; ++value) {
    (value <= 500 ? low : high).record(value * 977);
    both.record(value * 977);
  }
  low.merge(high);
  EXPECT_EQ(low.count(), 1'000U);
  EXPECT_EQ(low.max(), 977'000U);
  for (int percent = 0; percent <= 100; ++percent) {
    EXPECT_EQ(low.percentile(percent), both.percentile(percent));
  }
}

TEST(Histogram, IsZeroWhenEmptyAndAfterClear) {
  Histogram histogram(kHour);
  EXPECT_EQ(histogram.percentile(99), 0U);
  histogram.record(7);
  histogram.clear();
  EXPECT_EQ(histogram.count(), 0U);
  EXPECT_EQ(histogram.max(), 0U);
  EXPECT_EQ(histogram.percentile(99), 0U);
}

TEST(HistogramDeathTest, RefusesToMergeAnotherRange) {
  Histogram small(1'000);
  const Histogram large(kHour);
  EXPECT_DEATH(small.merge(large), "caller broke a contract");
}

}  // namespace
}  // namespace smtni
