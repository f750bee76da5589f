#include "ni/completion_queue.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <atomic>
#include <thread>
#include <type_traits>

#include "core/message_ring.h"
#include "tests/unit/eventually.h"

namespace smtni::ni {
namespace {

static_assert(sizeof(Completion) <= 32);
static_assert(std::is_nothrow_move_constructible_v<CompletionQueue>);
static_assert(!std::is_copy_constructible_v<CompletionQueue>);

CompletionQueue queue_of(std::uint32_t capacity) { return *CompletionQueue::create(capacity); }

TEST(CompletionQueue, RefusesCapacitiesThatMakeNoSense) {
  for (const std::uint32_t capacity : {0U, (1U << 20) + 1, ~0U}) {
    const auto queue = CompletionQueue::create(capacity);
    ASSERT_FALSE(queue);
    EXPECT_EQ(queue.error().kind, Error::Kind::invalid);
    EXPECT_NE(queue.error().what.find("accepted: 1 to 1048576"), std::string::npos)
        << queue.error().what;
  }
}

TEST(CompletionQueue, RoundsItsCapacityUpToAPowerOfTwo) {
  EXPECT_EQ(queue_of(1).capacity(), 2U);
  EXPECT_EQ(queue_of(2).capacity(), 2U);
  EXPECT_EQ(queue_of(5).capacity(), 8U);
  EXPECT_EQ(queue_of(1U << 20).capacity(), 1U << 20);
}

TEST(CompletionQueue, GivesBackWhatWasCompleted) {
  CompletionQueue queue = queue_of(4);
  ASSERT_TRUE(queue.reserve());
  EXPECT_FALSE(queue.poll());
  queue.complete({.ticket = 1ULL << 63,
                  .value = 77,
                  .operation = 5,
                  .status = CompletionStatus::refused,
                  .reason = 9,
                  .scope = CompletionScope::remote});
  const auto completion = queue.poll();
  ASSERT_TRUE(completion);
  EXPECT_EQ(completion->ticket, 1ULL << 63);
  EXPECT_EQ(completion->value, 77U);
  EXPECT_EQ(completion->operation, 5U);
  EXPECT_EQ(completion->status, CompletionStatus::refused);
  EXPECT_EQ(completion->reason, 9U);
  EXPECT_EQ(completion->scope, CompletionScope::remote);
  EXPECT_FALSE(queue.poll());
}

TEST(CompletionQueue, ReservesNoMoreThanItsCapacity) {
  CompletionQueue queue = queue_of(4);
  for (std::uint64_t count = 1; count <= 4; ++count) {
    EXPECT_TRUE(queue.reserve());
    EXPECT_EQ(queue.outstanding(), count);
  }
  EXPECT_FALSE(queue.reserve());
  EXPECT_EQ(queue.outstanding(), 4U);
}

TEST(CompletionQueue, HasRoomAgainOnlyWhenACompletionWasPolled) {
  CompletionQueue queue = queue_of(2);
  ASSERT_TRUE(queue.reserve());
  ASSERT_TRUE(queue.reserve());
  queue.complete({.ticket = 1});
  EXPECT_FALSE(queue.reserve());
  ASSERT_TRUE(queue.poll());
  EXPECT_EQ(queue.outstanding(), 1U);
  EXPECT_TRUE(queue.reserve());
}

TEST(CompletionQueue, CancelGivesTheRoomBack) {
  CompletionQueue queue = queue_of(2);
  ASSERT_TRUE(queue.reserve());
  ASSERT_TRUE(queue.reserve());
  queue.cancel();
  EXPECT_EQ(queue.outstanding(), 1U);
  queue.complete({.ticket = 8});
  EXPECT_TRUE(queue.all_complete());
  EXPECT_EQ(queue.poll()->ticket, 8U);
}

TEST(CompletionQueue, KeepsTheOrderOverManyLaps) {
  CompletionQueue queue = queue_of(4);
  std::uint64_t completed = 0;
  std::uint64_t polled = 0;
  for (std::uint64_t turn = 0; turn < 100; ++turn) {
    const std::uint64_t burst = 1 + turn % 4;
    for (std::uint64_t count = 0; count < burst; ++count) ASSERT_TRUE(queue.reserve());
    for (std::uint64_t count = 0; count < burst; ++count) queue.complete({.ticket = completed++});
    for (std::uint64_t count = 0; count < burst; ++count) {
      const auto completion = queue.poll();
      ASSERT_TRUE(completion);
      ASSERT_EQ(completion->ticket, polled++);
    }
    ASSERT_FALSE(queue.poll());
  }
  EXPECT_EQ(polled, 250U);
}

TEST(CompletionQueue, TellsWhetherAllIsCompleteAndTakesNothing) {
  CompletionQueue queue = queue_of(4);
  EXPECT_TRUE(queue.all_complete());
  ASSERT_TRUE(queue.reserve());
  EXPECT_FALSE(queue.all_complete());
  ASSERT_TRUE(queue.reserve());
  EXPECT_FALSE(queue.all_complete());
  queue.complete({.ticket = 1});
  EXPECT_FALSE(queue.all_complete());
  queue.complete({.ticket = 2});
  EXPECT_TRUE(queue.all_complete());
  EXPECT_EQ(queue.outstanding(), 2U);
  EXPECT_EQ(queue.poll()->ticket, 1U);
  EXPECT_TRUE(queue.all_complete());
  EXPECT_EQ(queue.poll()->ticket, 2U);
}

TEST(CompletionQueueDeathTest, RefusesToCancelWhatWasNotReserved) {
  CompletionQueue queue = queue_of(2);
  EXPECT_DEATH(queue.cancel(), "outstanding\\(\\) > 0");
}

// Work goes to the NI over a message ring, as a send buffer's does, and comes back as completions.
// What this can show: a broken [complete] edge, under TSan; an entry overwritten before it was
// polled, anywhere. What it cannot: a missing release on x86 without TSan.
TEST(CompletionQueue, KeepsEveryCompletionBetweenTwoThreads) {
  constexpr std::uint64_t kCompletions = 200'000;
  CompletionQueue queue = queue_of(16);
  MessageRing work = *MessageRing::create(4 * kKiB);  // 64 lines: more than may be outstanding
  std::atomic<bool> is_over{false};

  std::thread ni([&] {
    while (!is_over.load(std::memory_order_acquire)) {
      const auto message = work.consumer().take();
      if (!message) {
        work.consumer().release();
        ::sched_yield();
        continue;
      }
      const std::uint64_t ticket = message->info.user_data;
      queue.complete({.ticket = ticket, .value = 3 * ticket});
      work.consumer().release();
    }
  });

  std::uint64_t sent = 0;
  std::uint64_t polled = 0;
  std::uint64_t wrong = 0;
  const bool is_done = eventually([&] {
    while (sent < kCompletions && queue.reserve()) {
      if (!work.producer().push({}, {.user_data = sent})) {
        queue.cancel();
        break;
      }
      ++sent;
    }
    while (const auto completion = queue.poll()) {
      wrong += completion->ticket != polled || completion->value != 3 * polled;
      ++polled;
    }
    return polled == kCompletions;
  });
  is_over.store(true, std::memory_order_release);
  ni.join();
  EXPECT_TRUE(is_done) << polled << " polled";
  EXPECT_EQ(wrong, 0U);
  EXPECT_EQ(queue.outstanding(), 0U);
}

}  // namespace
}  // namespace smtni::ni
