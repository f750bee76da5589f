#include "tests/model/explorer.h"

#include <gtest/gtest.h>

// The explorer on hand-shakes whose outcome is known (the litmus tests of Owens, Sarkar and Sewell,
// "A better x86 memory model: x86-TSO", 2009).
namespace smtni::model {
namespace {

constexpr Word kX{0};
constexpr Word kY{1};
constexpr Word kSleeper{2};
constexpr Register kR0{0};
constexpr Register kR1{1};

// Fails when the other thread's store is not seen, as both may when both stores are delayed: each
// thread that sees nothing adds one, and both must not.
Program store_then_load(Step store_mine, Word other) {
  return {store_mine,    load(other, kR0), jump_if(kR0, 1, "seen"), add(kSleeper, 1, kR1),
          check(kR1, 0), label("seen")};
}

TEST(Explorer, DelaysAStoreBeyondALaterLoad) {
  EXPECT_FALSE(explore({.threads = {{store_then_load(store(kX, 1), kY)},
                                    {store_then_load(store(kY, 1), kX)}}})
                   .holds);
}

TEST(Explorer, DoesNotDelayAnExchange) {
  EXPECT_TRUE(explore({.threads = {{store_then_load(exchange(kX, 1, kR1), kY)},
                                   {store_then_load(exchange(kY, 1, kR1), kX)}}})
                  .holds);
}

Model message_passing(Step publish, Memory memory) {
  return {.threads = {{{store(kX, 1), publish}},
                      {{load(kY, kR0), jump_unless(kR0, 1, "nothing yet"), load(kX, kR1),
                        check(kR1, 1), label("nothing yet")}}},
          .memory = memory};
}

TEST(Explorer, KeepsStoresInOrderUnderTso) {
  EXPECT_TRUE(explore(message_passing(store(kY, 1), Memory::tso)).holds);
}

TEST(Explorer, LetsPlainStoresOvertakeUnderRelaxed) {
  EXPECT_FALSE(explore(message_passing(store(kY, 1), Memory::relaxed)).holds);
}

TEST(Explorer, LetsNoReleaseOvertake) {
  EXPECT_TRUE(explore(message_passing(store_release(kY, 1), Memory::relaxed)).holds);
}

TEST(Explorer, FindsASleepThatNobodyEnds) {
  const Verdict verdict = explore({.threads = {{{set(kR0, 0), sleep_while(kX, kR0)}}}});
  EXPECT_FALSE(verdict.holds);
  EXPECT_NE(verdict.counterexample.find("sleep_while"), std::string::npos);
}

TEST(Explorer, FindsAPollThatNothingEnds) {
  EXPECT_FALSE(
      explore({.threads = {{{label("again"), load(kX, kR0), jump_if(kR0, 0, "again")}}}}).holds);
}

TEST(Explorer, EntersAHandlerBetweenAnyTwoSteps) {
  // The handler changes what the computation reads twice.
  const ThreadModel interrupted{
      .program = {load(kX, kR0), load(kX, kR1), jump_unless(kR0, 0, "end"), check(kR1, 0),
                  label("end")},
      .handler = {store(kX, 1)}};
  EXPECT_FALSE(explore({.threads = {interrupted, {{interrupt(ThreadNumber{0})}}}}).holds);
}

}  // namespace
}  // namespace smtni::model
