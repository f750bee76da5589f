#include <gtest/gtest.h>

#include "tests/model/explorer.h"

// The message ring's [recycle]: a ring of two lines, a message of one line, and then one that needs
// both. The consumer has released one line, too few to give back at once; so it must give back what
// it holds when it finds the ring empty, before it sleeps, or the producer finds it full for ever.
namespace smtni::model {
namespace {

constexpr Word kStamps[] = {{0}, {1}};
constexpr Word kPayload{2};
constexpr Word kConsumed{3};
constexpr Word kBell{4};
constexpr Register kSeen{0};
constexpr Register kMark{1};

const Step kPublish = store_release(kConsumed, 1);
const Step kNothing = set(kSeen, 0);

const Program kProducer{store(kPayload, 1),
                        store_release(kStamps[0], 1),  // [publish]
                        add(kBell, 1, kSeen),
                        wake(kBell),
                        label("full"),
                        load(kConsumed, kSeen),  // [recycle]
                        jump_if(kSeen, 0, "full"),
                        store(kPayload, 2),
                        store_release(kStamps[1], 1),  // [publish]
                        add(kBell, 1, kSeen),
                        wake(kBell)};

// `taken` follows the look that found the first message; `empty` one that found nothing.
Program consumer(Step taken, Step empty) {
  return {label("first"),
          load(kBell, kMark),
          load(kStamps[0], kSeen),
          jump_if(kSeen, 1, "take"),
          sleep_while(kBell, kMark),
          jump("first"),
          label("take"),
          taken,
          load(kPayload, kSeen),
          check(kSeen, 1),
          label("second"),
          load(kBell, kMark),
          load(kStamps[1], kSeen),
          jump_if(kSeen, 1, "end"),
          empty,
          sleep_while(kBell, kMark),
          jump("second"),
          label("end"),
          load(kPayload, kSeen),
          check(kSeen, 2)};
}

Verdict explore_ring(const Program& consumer) {
  return explore({.threads = {{kProducer}, {consumer}}, .memory = Memory::relaxed});
}

TEST(RingRecycleModel, NeverJamsWhenTheConsumerPublishesOnEmpty) {
  const Verdict verdict = explore_ring(consumer(kNothing, kPublish));
  EXPECT_TRUE(verdict.holds) << verdict.counterexample;
}

TEST(RingRecycleModel, JamsWhenTheConsumerSleepsWithoutPublishing) {
  EXPECT_FALSE(explore_ring(consumer(kNothing, kNothing)).holds);
}

TEST(RingRecycleModel, OverwritesWhatIsReadWhenTheConsumerPublishesBeforeItReads) {
  EXPECT_FALSE(explore_ring(consumer(kPublish, kPublish)).holds);
}

}  // namespace
}  // namespace smtni::model
