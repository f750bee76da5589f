#include "threads/eviction.h"

#include <gtest/gtest.h>

#include <array>

namespace smtni::threads {
namespace {

constexpr std::array<Candidate, 3> kCandidates{{
    {.hardware_context = 0, .started = TscInstant(30), .priority = 2},
    {.hardware_context = 1, .started = TscInstant(20), .priority = 1},
    {.hardware_context = 4, .started = TscInstant(10), .priority = 1},
}};

TEST(NoEviction, DeclinesAlways) { EXPECT_EQ(NoEviction::choose(kCandidates, 100), std::nullopt); }

TEST(Oldest, TakesTheOneThatHasRunForLongest) {
  EXPECT_EQ(Oldest::choose(kCandidates, 0), 4U);
  EXPECT_EQ(Oldest::choose({}, 0), std::nullopt);
}

TEST(LowestPriority, TakesTheOldestOfTheLowest) {
  EXPECT_EQ(LowestPriority::choose(kCandidates, 9), 4U);
  EXPECT_EQ(LowestPriority::choose({}, 9), std::nullopt);
}

TEST(LowestPriority, SparesWhatIsAboveTheNewcomer) {
  EXPECT_EQ(LowestPriority::choose(kCandidates, 1), 4U);
  EXPECT_EQ(LowestPriority::choose(kCandidates, 0), std::nullopt);
}

}  // namespace
}  // namespace smtni::threads
