#include "threads/context_pool.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/unit/eventually.h"
#include "threads/fault.h"

namespace smtni::threads {
namespace {

using namespace std::chrono_literals;

std::unique_ptr<ContextPool> pool_of(const ContextPool::Options& options) {
  auto pool = ContextPool::open(options);
  EXPECT_TRUE(pool) << pool.error().what;
  return std::move(*pool);
}

// A context that runs until it is told to end, at safepoints all the while.
struct Occupant {
  std::atomic<bool> has_begun = false;
  std::atomic<bool> may_end = false;

  static void run(void* self, const void* /*record*/) {
    auto& occupant = *static_cast<Occupant*>(self);
    occupant.has_begun = true;
    while (!occupant.may_end.load()) {
      ContextPool::safepoint();
      cpu_pause();
    }
  }
  Start start(int priority = 0) {
    return {
        .run = run, .argument = this, .record = nullptr, .name = "occupant", .priority = priority};
  }
};

void add_record(void* sum, const void* record) {
  *static_cast<std::atomic<int>*>(sum) += *static_cast<const int*>(record);
}

TEST(ContextPool, StartsAnIdleContextWithItsArgumentAndRecord) {
  const auto pool = pool_of({});
  std::atomic<int> sum = 0;
  const int record = 42;
  EXPECT_EQ(pool->start({add_record, &sum, &record, "add", 0}), Started::on_idle_context);
  EXPECT_TRUE(pool->drain(in(30s)));
  EXPECT_EQ(sum, 42);
  EXPECT_EQ(pool->counters().started, 1U);
  EXPECT_EQ(pool->counters().ended, 1U);
}

// [start] and [ended]: under ThreadSanitizer a missing edge is a race on these plain integers.
TEST(ContextPool, HandsPlainMemoryOverAndBack) {
  const auto pool = pool_of({});
  for (int turn = 0; turn < 100; ++turn) {
    int there = turn;
    int back = 0;
    std::array<int*, 2> both{&there, &back};
    const auto copy = [](void* pointers, const void*) {
      const auto& [from, to] = *static_cast<std::array<int*, 2>*>(pointers);
      *to = *from + 1;
    };
    ASSERT_TRUE(eventually([&] {
      return pool->start({copy, &both, nullptr, "copy", 0}) != Started::none;
    }));
    ASSERT_TRUE(pool->drain(in(30s)));
    ASSERT_EQ(back, turn + 1);
  }
}

TEST(ContextPool, DeclinesWhenNoContextIsIdleAndNoneMayBeEvicted) {
  const auto pool = pool_of({.contexts = 2});
  Occupant occupant;
  EXPECT_EQ(pool->start(occupant.start()), Started::on_idle_context);
  ASSERT_TRUE(eventually([&] { return occupant.has_begun.load(); }));
  EXPECT_EQ(pool->start(occupant.start()), Started::none);
  EXPECT_EQ(pool->counters().declined, 1U);
  occupant.may_end = true;
}

TEST(ContextPool, EvictsAtASafepointAndResumesLater) {
  const auto pool = pool_of({.contexts = 2, .eviction = Oldest{}});
  Occupant background;
  EXPECT_EQ(pool->start(background.start()), Started::on_idle_context);
  ASSERT_TRUE(eventually([&] { return background.has_begun.load(); }));
  std::atomic<int> sum = 0;
  const int record = 1;
  EXPECT_EQ(pool->start({add_record, &sum, &record, "add", 0}), Started::by_eviction);
  ASSERT_TRUE(eventually([&] { return pool->counters().resumed == 1; }));
  EXPECT_EQ(sum, 1);
  EXPECT_EQ(pool->counters().evictions, 1U);
  background.may_end = true;
  EXPECT_TRUE(pool->drain(in(30s)));
}

TEST(ContextPool, DeclinesToEvictWhenNoContextIsLeft) {
  const auto pool = pool_of({.contexts = 2, .eviction = Oldest{}});
  Occupant first;
  Occupant second;
  EXPECT_EQ(pool->start(first.start()), Started::on_idle_context);
  ASSERT_TRUE(eventually([&] { return first.has_begun.load(); }));
  EXPECT_EQ(pool->start(second.start()), Started::by_eviction);
  ASSERT_TRUE(eventually([&] { return second.has_begun.load(); }));
  EXPECT_EQ(pool->start(first.start()), Started::none);
  first.may_end = true;
  second.may_end = true;
}

TEST(ContextPool, AStartPostedToAContextThatEndsRunsAllTheSame) {
  const auto pool = pool_of({.contexts = 2, .eviction = Oldest{}});
  std::atomic<bool> has_begun = false;
  std::atomic<bool> may_end = false;
  std::array<std::atomic<bool>*, 2> flags{&has_begun, &may_end};
  const auto without_safepoints = [](void* both, const void*) {
    const auto& [begun, end] = *static_cast<std::array<std::atomic<bool>*, 2>*>(both);
    *begun = true;
    while (!end->load()) ::sched_yield();
  };
  EXPECT_EQ(pool->start({without_safepoints, &flags, nullptr, "deaf", 0}),
            Started::on_idle_context);
  ASSERT_TRUE(eventually([&] { return has_begun.load(); }));
  std::atomic<int> sum = 0;
  const int record = 3;
  EXPECT_EQ(pool->start({add_record, &sum, &record, "add", 0}), Started::by_eviction);
  EXPECT_EQ(pool->start({add_record, &sum, &record, "add", 0}), Started::none);
  may_end = true;
  EXPECT_TRUE(pool->drain(in(30s)));
  EXPECT_EQ(sum, 3);
  EXPECT_EQ(pool->counters().evictions, 0U);
}

TEST(ContextPool, QueuedStartsRunByPriorityOnceThereIsRoom) {
  const auto pool = pool_of({});
  Occupant occupant;
  EXPECT_EQ(pool->start(occupant.start()), Started::on_idle_context);
  ASSERT_TRUE(eventually([&] { return occupant.has_begun.load(); }));
  std::vector<int> order;
  const std::array<int, 3> records{1, 2, 3};
  const auto note = [](void* list, const void* record) {
    static_cast<std::vector<int>*>(list)->push_back(*static_cast<const int*>(record));
  };
  EXPECT_TRUE(pool->submit({note, &order, &records[0], "note", 0}));
  EXPECT_TRUE(pool->submit({note, &order, &records[1], "note", 5}));
  EXPECT_TRUE(pool->submit({note, &order, &records[2], "note", 0}));
  EXPECT_FALSE(pool->drain(in(1ms)));
  occupant.may_end = true;
  EXPECT_TRUE(pool->drain(in(30s)));
  EXPECT_EQ(order, (std::vector<int>{2, 1, 3}));
}

TEST(ContextPool, SubmitIsRefusedWhenTheQueueIsFull) {
  const auto pool = pool_of({.queue = 1});
  Occupant occupant;
  EXPECT_TRUE(pool->submit(occupant.start()));
  ASSERT_TRUE(eventually([&] { return occupant.has_begun.load(); }));
  EXPECT_TRUE(pool->submit(occupant.start()));
  EXPECT_FALSE(pool->submit(occupant.start()));
  occupant.may_end = true;
}

TEST(ContextPool, YieldLetsContextsOfOneProcessorTakeTurns) {
  const auto pool = pool_of({.contexts = 3});
  std::atomic<int> arrived = 0;
  const auto meet = [](void* count, const void*) {
    auto& here = *static_cast<std::atomic<int>*>(count);
    for (++here; here.load() < 3;) ContextPool::yield();  // ends only if all three run
  };
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(pool->submit({meet, &arrived, nullptr, "meet", 0}));
  EXPECT_TRUE(pool->drain(in(30s)));
  EXPECT_EQ(arrived, 3);
  EXPECT_EQ(pool->counters().resumed, 0U);  // counts the evicted only
}

TEST(ContextPool, SafepointAndYieldDoNothingElsewhere) {
  ContextPool::safepoint();
  ContextPool::yield();
}

TEST(ContextPool, ReportsAnEntryThatThrowsAndGoesOn) {
  const auto pool = pool_of({});
  const std::uint64_t before = exceptions_reported();
  ::testing::internal::CaptureStderr();
  const auto thrower = [](void*, const void*) { throw std::runtime_error("dolphins left"); };
  EXPECT_EQ(pool->start({thrower, nullptr, nullptr, "thrower", 0}), Started::on_idle_context);
  EXPECT_TRUE(pool->drain(in(30s)));
  EXPECT_EQ(::testing::internal::GetCapturedStderr(),
            "smtni: handler 'thrower' threw: dolphins left\n");
  EXPECT_EQ(exceptions_reported(), before + 1);
  std::atomic<int> sum = 0;
  const int record = 1;
  ASSERT_TRUE(eventually([&] {
    return pool->start({add_record, &sum, &record, "add", 0}) == Started::on_idle_context;
  }));
  EXPECT_TRUE(pool->drain(in(30s)));
  EXPECT_EQ(sum, 1);
}

TEST(ContextPool, RunsUnpinnedWhereItMayNotPinAndSaysSo) {
  const auto pool = pool_of({.cpus = {1023}});
  std::atomic<int> sum = 0;
  const int record = 1;
  EXPECT_EQ(pool->start({add_record, &sum, &record, "add", 0}), Started::on_idle_context);
  EXPECT_TRUE(pool->drain(in(30s)));
  EXPECT_EQ(pool->notes(),
            (std::vector<std::string>{"pin smtni-context to processor 1023: Invalid argument"}));
}

TEST(ContextPool, RefusesWhatNobodyMeans) {
  const auto none = ContextPool::open({.contexts = 0});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().kind, Error::Kind::invalid);
  EXPECT_EQ(none.error().what, "contexts: 0; accepted: 1 to 65536");
  const auto tiny = ContextPool::open({.stack = Bytes(1)});
  ASSERT_FALSE(tiny);
  EXPECT_EQ(tiny.error().kind, Error::Kind::invalid);
  EXPECT_FALSE(ContextPool::open({.queue = 0}));
}

// Far more frames than a context's stack holds.
[[gnu::noinline]] int descend(int depth, volatile char* above) {
  if (depth == 0) return 0;
  volatile char frame[512];
  frame[0] = above == nullptr ? char{1} : above[0];
  return descend(depth - 1, frame) + frame[0];
}

TEST(ContextPoolDeathTest, AnEntryThatOverrunsItsStackIsNamed) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        const auto pool = ContextPool::open({.stack = 32 * kKiB});
        const auto overrun = [](void*, const void*) { descend(1'000'000, nullptr); };
        (*pool)->start({overrun, nullptr, nullptr, "marvin", 0});
        static_cast<void>((*pool)->drain(in(30s)));
      },
      ::testing::KilledBySignal(SIGSEGV), "smtni: handler 'marvin' overran its stack of 32 KiB");
}

}  // namespace
}  // namespace smtni::threads
