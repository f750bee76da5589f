#include "experiments/working_set.h"

#include <gtest/gtest.h>

namespace smtni::experiments {
namespace {

TEST(WorkingSet, VisitsEachLineOnce) {
  for (const std::uint64_t lines : {2U, 3U, 64U, 1000U, 40000U}) {
    auto set = WorkingSet::create(Bytes(lines * std::uint64_t{kCacheLine}), 1);
    ASSERT_TRUE(set) << set.error().what;
    EXPECT_EQ(set->lines(), lines);
    EXPECT_EQ(set->cycle(), lines);
  }
}

TEST(WorkingSet, NeedsTwoLines) {
  EXPECT_EQ(WorkingSet::create(Bytes(127), 1).error().kind, Error::Kind::invalid);
}

}  // namespace
}  // namespace smtni::experiments
