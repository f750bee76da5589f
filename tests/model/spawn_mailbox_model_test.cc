#include <gtest/gtest.h>

#include "tests/model/explorer.h"

// An idle hardware context and the NI that starts it: the context marks its mailbox idle and waits,
// asleep in the end; the NI starts it only when idle, and otherwise tries again. Two messages, each
// of which must be run once.
namespace smtni::model {
namespace {

constexpr Word kMailbox{0};
constexpr Word kRecord{1};
constexpr Word kRuns{2};
constexpr Register kSeen{0};
constexpr Register kMark{1};
constexpr Register kCount{2};

constexpr Value kBusy = 0;
constexpr Value kIdle = 1;
constexpr Value kParked = 2;
constexpr Value kStart = 3;

// Starts the context twice, each time as soon as it is free: the record first, then the mailbox.
// `start` leaves in kSeen what the mailbox was.
Program notifier(Step start) {
  return {label("first"),
          load(kMailbox, kSeen),
          jump_if(kSeen, kBusy, "first"),
          store(kRecord, 1),
          start,
          jump_unless(kSeen, kParked, "second"),
          wake(kMailbox),
          label("second"),
          load(kMailbox, kSeen),
          jump_if(kSeen, kBusy, "second"),
          jump_if(kSeen, kStart, "second"),
          store(kRecord, 1),
          start,
          jump_unless(kSeen, kParked, "end"),
          wake(kMailbox),
          label("end")};
}

// Parks by `park`, which leaves in kSeen what the mailbox was; ends after two messages.
Program context(Step park) {
  return {label("free"),
          store_release(kMailbox, kIdle),
          set(kMark, kParked),
          park,
          jump_if(kSeen, kStart, "started"),
          label("sleep"),
          sleep_while(kMailbox, kMark),
          load(kMailbox, kSeen),
          jump_unless(kSeen, kStart, "sleep"),
          label("started"),
          exchange(kRecord, 0, kSeen),
          check(kSeen, 1),
          store(kMailbox, kBusy),
          add(kRuns, 1, kCount),
          jump_if(kCount, 0, "free")};
}

const Step kStartIt = exchange(kMailbox, kStart, kSeen);
const Step kPark = compare_exchange(kMailbox, kIdle, kParked, kSeen);

Verdict explore_mailbox(const Program& notifier, const Program& context) {
  return explore({.threads = {{notifier}, {context}}, .memory = Memory::relaxed});
}

TEST(SpawnMailboxModel, StartsEveryMessageOnce) {
  const Verdict verdict = explore_mailbox(notifier(kStartIt), context(kPark));
  EXPECT_TRUE(verdict.holds) << verdict.counterexample;
}

TEST(SpawnMailboxModel, LosesAStartWhenTheContextParksByAStore) {
  EXPECT_FALSE(explore_mailbox(notifier(kStartIt), context(store(kMailbox, kParked))).holds);
}

TEST(SpawnMailboxModel, LosesAWakeUpWhenTheNotifierTrustsItsFirstLook) {
  EXPECT_FALSE(explore_mailbox(notifier(store_release(kMailbox, kStart)), context(kPark)).holds);
}

TEST(SpawnMailboxModel, OverwritesARecordWhenTheContextIsFreeBeforeItReadsIt) {
  const Program hasty{label("free"),
                      store_release(kMailbox, kIdle),
                      label("poll"),
                      load(kMailbox, kSeen),
                      jump_unless(kSeen, kStart, "poll"),
                      add(kRuns, 1, kCount),
                      jump_unless(kCount, 0, "end"),
                      store_release(kMailbox, kIdle),
                      exchange(kRecord, 0, kSeen),
                      check(kSeen, 1),
                      jump("poll"),
                      label("end"),
                      exchange(kRecord, 0, kSeen),
                      check(kSeen, 1)};
  EXPECT_FALSE(explore_mailbox(notifier(kStartIt), hasty).holds);
}

}  // namespace
}  // namespace smtni::model
