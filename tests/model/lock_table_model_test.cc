#include <gtest/gtest.h>

#include "tests/model/explorer.h"

// The hand-shake of notify/lock_table_mechanisms.h: the NI publishes two pieces of news and clears
// the lock bit after each; the receiver waits until it has seen both.
namespace smtni::model {
namespace {

constexpr Word kNews{0};
constexpr Word kLock{1};
constexpr Register kSeen{0};
constexpr Register kBit{1};
constexpr Register kMark{2};

constexpr Value kFree = 0;
constexpr Value kHeld = 1;
constexpr Value kParked = 2;
constexpr Value kLastNews = 2;

Program polling_receiver(Step set_the_bit) {
  return {label("look"), load(kNews, kSeen), jump_if(kSeen, kLastNews, "done"),
          set_the_bit,   load(kNews, kSeen), jump_if(kSeen, kLastNews, "done"),
          label("poll"), load(kLock, kBit),  jump_if(kBit, kHeld, "poll"),
          jump("look"),  label("done")};
}

const Step kAcquire = compare_exchange(kLock, kFree, kHeld, kBit);

Model polling(Step set_the_bit, Step clear, Memory memory) {
  return {.threads = {{{store(kNews, 1), clear, store(kNews, kLastNews), clear}},
                      {polling_receiver(set_the_bit)}},
          .memory = memory};
}

TEST(LockTableModel, APlainReleasingStoreEndsEveryPoll) {
  for (const Memory memory : {Memory::tso, Memory::relaxed}) {
    const Verdict verdict = explore(polling(kAcquire, store_release(kLock, kFree), memory));
    EXPECT_TRUE(verdict.holds) << verdict.counterexample;
  }
}

TEST(LockTableModel, LosesAWakeUpWhenTheBitIsSetByAPlainStore) {
  EXPECT_FALSE(
      explore(polling(store(kLock, kHeld), store_release(kLock, kFree), Memory::tso)).holds);
}

TEST(LockTableModel, LosesAWakeUpWhenTheBitIsClearedWithoutRelease) {
  EXPECT_FALSE(explore(polling(kAcquire, store(kLock, kFree), Memory::relaxed)).holds);
}

TEST(LockTableModel, LosesAWakeUpWhenTheReceiverDoesNotLookAgain) {
  const Program hasty{
      label("look"), load(kNews, kSeen), jump_if(kSeen, kLastNews, "done"), kAcquire,
      label("poll"), load(kLock, kBit),  jump_if(kBit, kHeld, "poll"),      jump("look"),
      label("done")};
  const Step clear = store_release(kLock, kFree);
  EXPECT_FALSE(
      explore({.threads = {{{store(kNews, 1), clear, store(kNews, kLastNews), clear}}, {hasty}}})
          .holds);
}

// The receiver that sleeps at once; a spin before would only delay it.
Program parking_receiver() {
  return {label("look"),
          load(kNews, kSeen),
          jump_if(kSeen, kLastNews, "done"),
          kAcquire,
          load(kNews, kSeen),
          jump_if(kSeen, kLastNews, "done"),
          set(kMark, kParked),
          label("park"),
          compare_exchange(kLock, kHeld, kParked, kBit),
          jump_if(kBit, kFree, "look"),
          sleep_while(kLock, kMark),
          load(kLock, kBit),
          jump_if(kBit, kFree, "look"),
          jump("park"),
          label("done")};
}

Verdict explore_parking(const Program& waker) {
  return explore({.threads = {{waker}, {parking_receiver()}}, .memory = Memory::relaxed});
}

TEST(LockTableModel, AnExchangeAndAWakeEndEverySleep) {
  const Verdict verdict = explore_parking(
      {store(kNews, 1), exchange(kLock, kFree, kBit), jump_unless(kBit, kParked, "awake"),
       wake(kLock), label("awake"), store(kNews, kLastNews), exchange(kLock, kFree, kBit),
       jump_unless(kBit, kParked, "done"), wake(kLock), label("done")});
  EXPECT_TRUE(verdict.holds) << verdict.counterexample;
}

TEST(LockTableModel, LosesAWakeUpWhenTheWakerDoesNotChangeTheWord) {
  EXPECT_FALSE(explore_parking({store(kNews, kLastNews), load(kLock, kBit),
                                jump_unless(kBit, kParked, "done"), wake(kLock), label("done")})
                   .holds);
}

TEST(LockTableModel, LosesAWakeUpWhenTheWakerLooksForTheMarkBeforeItFrees) {
  EXPECT_FALSE(
      explore_parking({store(kNews, kLastNews), load(kLock, kBit), store_release(kLock, kFree),
                       jump_unless(kBit, kParked, "done"), wake(kLock), label("done")})
          .holds);
}

TEST(LockTableModel, LosesAWakeUpWhenTheWakerLooksForTheMarkBeforeItPublishes) {
  EXPECT_FALSE(explore_parking({exchange(kLock, kFree, kBit), store(kNews, kLastNews),
                                jump_unless(kBit, kParked, "done"), wake(kLock), label("done")})
                   .holds);
}

}  // namespace
}  // namespace smtni::model
