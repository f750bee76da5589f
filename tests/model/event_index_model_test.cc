#include <gtest/gtest.h>

#include "tests/model/explorer.h"

// The hand-shake of ni/internal/coalescer.h: the receiver asks for a notification and looks for
// news, then sleeps; the NI publishes a message and reads the question, then wakes or does not.
// Reading by a read-modify-write is what makes one of the two come first.
namespace smtni::model {
namespace {

constexpr Word kNews{0};
constexpr Word kEvent{1};
constexpr Word kBell{2};
constexpr Register kSeen{0};
constexpr Register kAsked{1};

struct Variant {
  Step ask;
  Step read_the_question;
  Memory memory = Memory::tso;
};

Program receiver(Step ask) {
  return {load(kNews, kSeen), jump_if(kSeen, 1, "done"),      ask,
          load(kNews, kSeen), jump_if(kSeen, 1, "done"),      label("sleep"),
          load(kBell, kSeen), jump_unless(kSeen, 1, "sleep"), label("done")};
}

Program hasty_receiver(Step ask) {
  return {load(kNews, kSeen), jump_if(kSeen, 1, "done"),      ask,          label("sleep"),
          load(kBell, kSeen), jump_unless(kSeen, 1, "sleep"), label("done")};
}

// One message; asked is 1. The bell is the mechanism: once rung it stays so.
Program notifier(Step read_the_question) {
  return {store_release(kNews, 1), read_the_question, jump_unless(kAsked, 1, "end"),
          store_release(kBell, 1), label("end")};
}

Model waiting(const Variant& variant) {
  return {.threads = {{notifier(variant.read_the_question)}, {receiver(variant.ask)}},
          .memory = variant.memory};
}

const Step kAsk = exchange(kEvent, 1, kSeen);
const Step kReadModifyWrite = add(kEvent, 0, kAsked);

TEST(EventIndexModel, WakesEveryReceiverThatSleeps) {
  for (const Memory memory : {Memory::tso, Memory::relaxed}) {
    const Verdict verdict =
        explore(waiting({.ask = kAsk, .read_the_question = kReadModifyWrite, .memory = memory}));
    EXPECT_TRUE(verdict.holds) << verdict.counterexample;
  }
}

TEST(EventIndexModel, LosesAWakeUpWhenTheQuestionIsReadByALoad) {
  EXPECT_FALSE(explore(waiting({.ask = kAsk, .read_the_question = load(kEvent, kAsked)})).holds);
}

TEST(EventIndexModel, LosesAWakeUpWhenTheReceiverAsksByAStore) {
  EXPECT_FALSE(
      explore(waiting({.ask = store_release(kEvent, 1), .read_the_question = kReadModifyWrite}))
          .holds);
}

TEST(EventIndexModel, LosesAWakeUpWhenTheReceiverDoesNotLookAgain) {
  EXPECT_FALSE(explore({.threads = {{notifier(kReadModifyWrite)}, {hasty_receiver(kAsk)}}}).holds);
}

}  // namespace
}  // namespace smtni::model
