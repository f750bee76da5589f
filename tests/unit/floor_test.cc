#include "core/floor.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <optional>

#include "core/topology.h"

namespace smtni {
namespace {

using Lines = FloorOptions::Lines;
constexpr Nanoseconds kPatience{30'000'000'000};

class RawPingPongTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto topology = Topology::read();
    ASSERT_TRUE(topology) << topology.error().what;
    if (topology->processors().size() < 2) GTEST_SKIP() << "only one CPU may be used";
    ASSERT_EQ(::sched_getaffinity(0, sizeof affinity_before_, &affinity_before_), 0);
    auto ping_pong =
        RawPingPong::open(topology->processors()[0].cpu, topology->processors()[1].cpu);
    ASSERT_TRUE(ping_pong) << ping_pong.error().what;
    ping_pong_.emplace(*std::move(ping_pong));
  }

  cpu_set_t affinity_before_;
  std::optional<RawPingPong> ping_pong_;
};

TEST_F(RawPingPongTest, ReportsOrderedPercentilesOfAllPairs) {
  for (const Lines lines : {Lines::two, Lines::one}) {
    const auto floor =
        ping_pong_->measure({.lines = lines, .pairs = 8, .round_trips = 50, .patience = kPatience});
    ASSERT_TRUE(floor) << floor.error().what;
    EXPECT_EQ(floor->pairs, 8U);
    EXPECT_GT(floor->min, TscCycles(0));
    EXPECT_LE(floor->min, floor->p10);
    EXPECT_LE(floor->p10, floor->p50);
    EXPECT_LE(floor->p50, floor->p90);
    EXPECT_LE(floor->p90, floor->max);
  }
}

TEST_F(RawPingPongTest, CanBeMeasuredManyTimesWithEitherKindOfLines) {
  for (int repetition = 0; repetition < 30; ++repetition) {
    const auto floor = ping_pong_->measure({.lines = repetition % 2 == 0 ? Lines::two : Lines::one,
                                            .pairs = 3,
                                            .round_trips = 10,
                                            .patience = kPatience});
    ASSERT_TRUE(floor) << floor.error().what;
  }
}

TEST_F(RawPingPongTest, EndsAtItsPatienceAndCanBeMeasuredAgain) {
  const auto impatient = ping_pong_->measure(
      {.pairs = 100'000, .round_trips = 10'000, .patience = Nanoseconds(1'000'000)});
  ASSERT_FALSE(impatient);
  EXPECT_EQ(impatient.error().kind, Error::Kind::timed_out);
  const auto floor = ping_pong_->measure({.pairs = 2, .round_trips = 10, .patience = kPatience});
  EXPECT_TRUE(floor) << floor.error().what;
}

TEST_F(RawPingPongTest, LeavesTheCallersAffinityAlone) {
  cpu_set_t after;
  ASSERT_TRUE(ping_pong_->measure({.pairs = 1, .round_trips = 10, .patience = kPatience}));
  ASSERT_EQ(::sched_getaffinity(0, sizeof after, &after), 0);
  EXPECT_TRUE(CPU_EQUAL(&affinity_before_, &after));
}

TEST_F(RawPingPongTest, RejectsAbsurdCounts) {
  EXPECT_EQ(ping_pong_->measure({.pairs = 0}).error().kind, Error::Kind::invalid);
  EXPECT_EQ(ping_pong_->measure({.round_trips = 0}).error().kind, Error::Kind::invalid);
  EXPECT_EQ(ping_pong_->measure({.pairs = 4'000'000'000}).error().kind, Error::Kind::invalid);
}

TEST(RawPingPong, IsUnsupportedOnOneCpu) {
  const auto ping_pong = RawPingPong::open(1, 1);
  ASSERT_FALSE(ping_pong);
  EXPECT_EQ(ping_pong.error().kind, Error::Kind::unsupported);
  EXPECT_EQ(ping_pong.error().what, "both ends on CPU 1: no cache line moves");
}

TEST(RawPingPong, FailsOnACpuThatCannotBe) {
  EXPECT_EQ(RawPingPong::open(0, -3).error().kind, Error::Kind::invalid);
}

}  // namespace
}  // namespace smtni
