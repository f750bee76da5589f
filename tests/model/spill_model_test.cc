#include <gtest/gtest.h>

#include "tests/model/explorer.h"

// The hand-shake of ni/internal/spill.h: a message is behind the cache, and comes back into it
// while a receiver looks for the last time before it sleeps. The notification for the message has
// been made long ago, so one of the two looks must find it.
namespace smtni::model {
namespace {

constexpr Word kCache{0};    // 1: the message is in the cache
constexpr Word kDrained{1};  // 1: nothing is behind the cache
constexpr Register kSeen{0};

const Program kRefill{store_release(kCache, 1), store_release(kDrained, 1)};
const Program kHastyRefill{store_release(kDrained, 1), store_release(kCache, 1)};

const Program kLookBehindFirst{load(kDrained, kSeen), jump_unless(kSeen, 1, "found"),
                               load(kCache, kSeen),   jump_if(kSeen, 1, "found"),
                               label("sleep"),        jump("sleep"),
                               label("found")};
const Program kLookInsideFirst{load(kCache, kSeen),   jump_if(kSeen, 1, "found"),
                               load(kDrained, kSeen), jump_unless(kSeen, 1, "found"),
                               label("sleep"),        jump("sleep"),
                               label("found")};

TEST(SpillModel, AReceiverThatLooksBehindTheCacheFirstFindsTheMessage) {
  const Verdict verdict = explore({.threads = {{kRefill}, {kLookBehindFirst}}});
  EXPECT_TRUE(verdict.holds) << verdict.counterexample;
}

TEST(SpillModel, MissesItWhenTheReceiverLooksIntoTheCacheFirst) {
  EXPECT_FALSE(explore({.threads = {{kRefill}, {kLookInsideFirst}}}).holds);
}

TEST(SpillModel, MissesItWhenTheHintIsClearedBeforeTheMessageIsBack) {
  EXPECT_FALSE(explore({.threads = {{kHastyRefill}, {kLookBehindFirst}}}).holds);
}

}  // namespace
}  // namespace smtni::model
