#include <gtest/gtest.h>

#include "tests/model/explorer.h"

// The hand-shake of ni/internal/spawner.h between an interface that has a message and no context
// for it, and a context that ends: either the context sees that a message is deferred, or the
// interface sees that the context has ended.
namespace smtni::model {
namespace {

constexpr Word kDeferring{0};
constexpr Word kEnded{1};
constexpr Word kHandled{2};
constexpr Register kSeen{0};
constexpr Register kOld{1};

Verdict explore_deferring(Step defer, Step end) {
  return explore(
      {.threads = {{{defer, load(kEnded, kSeen), jump_if(kSeen, 0, "wait"), store(kHandled, 1),
                     label("wait"), load(kHandled, kSeen), jump_unless(kSeen, 1, "wait")}},
                   {{end, load(kDeferring, kSeen), jump_if(kSeen, 0, "idle"), store(kHandled, 1),
                     label("idle")}}}});
}

// A sequentially consistent store is an exchange on x86-64.
TEST(SpawnerModel, HandsADeferredMessageToTheContextThatEnds) {
  const Verdict verdict =
      explore_deferring(exchange(kDeferring, 1, kOld), exchange(kEnded, 1, kOld));
  EXPECT_TRUE(verdict.holds) << verdict.counterexample;
}

TEST(SpawnerModel, ForgetsItWhenTheInterfaceDefersByAReleasingStore) {
  EXPECT_FALSE(explore_deferring(store_release(kDeferring, 1), exchange(kEnded, 1, kOld)).holds);
}

TEST(SpawnerModel, ForgetsItWhenTheContextEndsByAReleasingStore) {
  EXPECT_FALSE(explore_deferring(exchange(kDeferring, 1, kOld), store_release(kEnded, 1)).holds);
}

}  // namespace
}  // namespace smtni::model
