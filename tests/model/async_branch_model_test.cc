#include <gtest/gtest.h>

#include "tests/model/explorer.h"

// The hand-shakes of notify/async_branch.h: the pending line, the gate, and arming.
namespace smtni::model {
namespace {

constexpr Word kNews{0};
constexpr Word kPending{1};
constexpr Word kGate{2};
constexpr Word kDone{3};
constexpr Word kArmed{4};
constexpr Register kSeen{0};
constexpr Register kStamp{1};
constexpr Register kState{2};
constexpr ThreadNumber kReceiver{1};

constexpr Value kOpen = 0;
constexpr Value kMasked = 1;
constexpr Value kHandling = 2;
constexpr Value kLastNews = 2;

// [post], polled: two notifications that may coalesce; the receiver polls until it has seen the
// last.
Verdict explore_poll(const Program& receiver) {
  const Step post = store_release(kPending, 1);
  return explore({.threads = {{{store(kNews, 1), post, store(kNews, kLastNews), post}}, {receiver}},
                  .memory = Memory::relaxed});
}

TEST(AsyncBranchModel, TakesTheStampByExchangeAndThenLooks) {
  const Verdict verdict = explore_poll({label("poll"), load(kPending, kStamp),
                                        jump_if(kStamp, 0, "poll"), exchange(kPending, 0, kStamp),
                                        load(kNews, kSeen), jump_unless(kSeen, kLastNews, "poll")});
  EXPECT_TRUE(verdict.holds) << verdict.counterexample;
}

TEST(AsyncBranchModel, LosesTheLastOneWhenTheStampIsTakenByAStore) {
  EXPECT_FALSE(
      explore_poll({label("poll"), load(kPending, kStamp), jump_if(kStamp, 0, "poll"),
                    store(kPending, 0), load(kNews, kSeen), jump_unless(kSeen, kLastNews, "poll")})
          .holds);
}

TEST(AsyncBranchModel, LosesTheLastOneWhenTheStampIsTakenAfterTheLook) {
  EXPECT_FALSE(explore_poll({label("poll"), load(kPending, kStamp), jump_if(kStamp, 0, "poll"),
                             load(kNews, kSeen), jump_if(kSeen, kLastNews, "end"),
                             exchange(kPending, 0, kStamp), jump("poll"), label("end")})
                   .holds);
}

// [post], taken by reading: the receiver remembers the stamp that it has seen and branches for any
// other; it never writes the line. Program points stand for what it remembers.
Verdict explore_reading(Value first_stamp, Value second_stamp) {
  return explore(
      {.threads = {{{store(kNews, 1), store_release(kPending, first_stamp), store(kNews, kLastNews),
                     store_release(kPending, second_stamp)}},
                   {{label("seen none"), load(kPending, kStamp), jump_if(kStamp, 0, "seen none"),
                     jump_if(kStamp, 2, "look last"), load(kNews, kSeen),
                     jump_if(kSeen, kLastNews, "end"), label("seen first"), load(kPending, kStamp),
                     jump_if(kStamp, 1, "seen first"), label("look last"), load(kNews, kSeen),
                     check(kSeen, kLastNews), label("end")}}},
       .memory = Memory::relaxed});
}

TEST(AsyncBranchModel, TakesTheStampByReadingWhileStampsDiffer) {
  const Verdict verdict = explore_reading(1, 2);
  EXPECT_TRUE(verdict.holds) << verdict.counterexample;
}

TEST(AsyncBranchModel, LosesTheLastOneWhenTwoStampsAreEqual) {
  EXPECT_FALSE(explore_reading(1, 1).holds);
}

// [gate], interrupted: the receiver masks and unmasks once, and otherwise only its handler looks,
// which an interruption enters between any two steps. It must end up having seen the last news.
const Program kHandler{
    load(kGate, kState),
    jump_unless(kState, kOpen, "out"),
    label("branch"),
    store(kGate, kHandling),
    label("take"),
    exchange(kPending, 0, kStamp),
    jump_if(kStamp, 0, "open"),
    load(kNews, kSeen),
    jump_unless(kSeen, kLastNews, "take"),
    store(kDone, 1),
    jump("take"),
    label("open"),
    store(kGate, kOpen),
    load(kPending, kStamp),
    jump_unless(kStamp, 0, "branch"),
    label("out"),
};

const Program kNotifier{store(kNews, 1),
                        exchange(kPending, 1, kStamp),
                        jump_unless(kStamp, 0, "kicked"),
                        interrupt(kReceiver),
                        label("kicked"),
                        store(kNews, kLastNews),
                        exchange(kPending, 1, kStamp),
                        jump_unless(kStamp, 0, "end"),
                        interrupt(kReceiver),
                        label("end")};

Verdict explore_gate(const Program& receiver) {
  return explore({.threads = {{kNotifier}, {receiver, kHandler}}});
}

TEST(AsyncBranchModel, OpensTheGateAndThenLooks) {
  const Verdict verdict = explore_gate({
      store(kGate, kMasked),  // mask()
      store(kGate, kOpen),    // unmask() and branch()
      load(kGate, kState),
      jump_unless(kState, kOpen, "compute"),
      label("branch"),
      store(kGate, kHandling),
      label("take"),
      exchange(kPending, 0, kStamp),
      jump_if(kStamp, 0, "open"),
      load(kNews, kSeen),
      jump_unless(kSeen, kLastNews, "take"),
      store(kDone, 1),
      jump("take"),
      label("open"),
      store(kGate, kOpen),
      load(kPending, kStamp),
      jump_unless(kStamp, 0, "branch"),
      label("compute"),
      load(kDone, kSeen),
      jump_unless(kSeen, 1, "compute"),
  });
  EXPECT_TRUE(verdict.holds) << verdict.counterexample;
}

TEST(AsyncBranchModel, LosesAnInterruptionWhenItLooksBeforeItOpens) {
  EXPECT_FALSE(explore_gate({
                                store(kGate, kMasked),
                                exchange(kPending, 0, kStamp),
                                jump_if(kStamp, 0, "open"),
                                load(kNews, kSeen),
                                jump_unless(kSeen, kLastNews, "open"),
                                store(kDone, 1),
                                label("open"),
                                store(kGate, kOpen),
                                label("compute"),
                                load(kDone, kSeen),
                                jump_unless(kSeen, 1, "compute"),
                            })
                   .holds);
}

TEST(AsyncBranchModel, LosesAnInterruptionWhenItDoesNotLookAfterTheHandler) {
  EXPECT_FALSE(explore_gate({
                                store(kGate, kMasked),
                                store(kGate, kOpen),
                                store(kGate, kHandling),
                                label("take"),
                                exchange(kPending, 0, kStamp),
                                jump_if(kStamp, 0, "open"),
                                load(kNews, kSeen),
                                jump_unless(kSeen, kLastNews, "take"),
                                store(kDone, 1),
                                jump("take"),
                                label("open"),
                                store(kGate, kOpen),
                                label("compute"),
                                load(kDone, kSeen),
                                jump_unless(kSeen, 1, "compute"),
                            })
                   .holds);
}

// [arm]: a notifier interrupts only a receiver that it knows to be armed; one that arms looks once.
Verdict explore_arming(Step arm, Step look) {
  return explore(
      {.threads = {{{exchange(kPending, 1, kStamp), load(kArmed, kState),
                     jump_unless(kState, 1, "end"), interrupt(kReceiver), label("end")}},
                   {{arm, look, jump_if(kStamp, 0, "compute"), store(kDone, 1), label("compute"),
                     load(kDone, kSeen), jump_unless(kSeen, 1, "compute")},
                    {exchange(kPending, 0, kStamp), jump_if(kStamp, 0, "out"), store(kDone, 1),
                     label("out")}}}});
}

TEST(AsyncBranchModel, ArmsByExchangeAndThenLooks) {
  const Verdict verdict = explore_arming(exchange(kArmed, 1, kState), load(kPending, kStamp));
  EXPECT_TRUE(verdict.holds) << verdict.counterexample;
}

TEST(AsyncBranchModel, LosesTheFirstOneWhenItArmsByAPlainStore) {
  EXPECT_FALSE(explore_arming(store(kArmed, 1), load(kPending, kStamp)).holds);
}

}  // namespace
}  // namespace smtni::model
