#include <gtest/gtest.h>

#include "tests/model/explorer.h"

// A sequence word under a futex, the hand-shake of kernel/futex: read the sequence, look for news,
// sleep while the sequence is the one read; publish, advance the sequence, wake.
namespace smtni::model {
namespace {

constexpr Word kNews{0};
constexpr Word kSequence{1};
constexpr Register kSeen{0};
constexpr Register kAt{1};
constexpr Value kLastNews = 2;

Verdict explore_sequence(const Program& notifier, const Program& receiver) {
  return explore({.threads = {{notifier}, {receiver}}, .memory = Memory::relaxed});
}

const Program kNotifier{store(kNews, 1),         add(kSequence, 1, kAt), wake(kSequence),
                        store(kNews, kLastNews), add(kSequence, 1, kAt), wake(kSequence)};
const Program kReceiver{label("look"),
                        load(kSequence, kAt),
                        load(kNews, kSeen),
                        jump_if(kSeen, kLastNews, "done"),
                        sleep_while(kSequence, kAt),
                        jump("look"),
                        label("done")};

TEST(FutexSequenceModel, EndsEverySleep) {
  const Verdict verdict = explore_sequence(kNotifier, kReceiver);
  EXPECT_TRUE(verdict.holds) << verdict.counterexample;
}

TEST(FutexSequenceModel, LosesAWakeUpWhenTheSequenceIsReadAfterTheLook) {
  EXPECT_FALSE(explore_sequence(
                   kNotifier,
                   {label("look"), load(kNews, kSeen), jump_if(kSeen, kLastNews, "done"),
                    load(kSequence, kAt), sleep_while(kSequence, kAt), jump("look"), label("done")})
                   .holds);
}

TEST(FutexSequenceModel, LosesAWakeUpWhenTheSequenceDoesNotAdvance) {
  EXPECT_FALSE(explore_sequence({store(kNews, kLastNews), wake(kSequence)}, kReceiver).holds);
}

TEST(FutexSequenceModel, LosesAWakeUpWhenTheSequenceAdvancesBeforeTheNews) {
  EXPECT_FALSE(explore_sequence({add(kSequence, 1, kAt), wake(kSequence), store(kNews, kLastNews)},
                                kReceiver)
                   .holds);
}

}  // namespace
}  // namespace smtni::model
