#include "experiments/compare_loss.h"

#include <gtest/gtest.h>

#include <vector>

namespace smtni::experiments {
namespace {

constexpr TscCycles kLateMost{50};

WorkMark mark(std::uint64_t time, std::uint64_t advances, std::uint64_t late = 0) {
  return {TscInstant(time), advances, TscCycles(late)};
}

TEST(Losses, AreTheTimeThatTheWorkLaggedBehindTheSilentWindow) {
  // Silent, notified, notified, silent: 1000 cycles each, 100 advances in a silent one.
  const std::vector<WorkMark> marks{mark(0, 0), mark(1000, 100), mark(2000, 150), mark(3000, 230),
                                    mark(4000, 330)};
  EXPECT_EQ(losses_of(marks, {0, 10, 4, 0}, kLateMost), (std::vector<double>{50, 50}));
}

TEST(Losses, LeaveOutPairsThatSentNothingOrAreIncomplete) {
  const std::vector<WorkMark> marks{mark(0, 0), mark(1000, 100), mark(2000, 200), mark(3000, 300)};
  EXPECT_TRUE(losses_of(marks, {0, 0, 5, 0}, kLateMost).empty());
  EXPECT_TRUE(losses_of({}, {}, kLateMost).empty());
}

TEST(Losses, LeaveOutPairsDuringWhichTheReceiverWasAwayAtABoundary) {
  const std::vector<WorkMark> marks{mark(0, 0), mark(1900, 100, 900), mark(2000, 110, 0),
                                    mark(3000, 190), mark(4000, 290)};
  EXPECT_EQ(losses_of(marks, {0, 10, 4, 0}, kLateMost), (std::vector<double>{50}));
}

TEST(Losses, AreNegativeWhenTheNotifiedWindowDidMore) {
  const std::vector<WorkMark> marks{mark(0, 0), mark(1000, 100), mark(2000, 202)};
  EXPECT_EQ(losses_of(marks, {0, 2}, kLateMost), (std::vector<double>{-10}));
}

}  // namespace
}  // namespace smtni::experiments
