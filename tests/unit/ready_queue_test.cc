#include "threads/ready_queue.h"

#include <gtest/gtest.h>

namespace smtni::threads {
namespace {

Start named(std::string_view name, int priority) {
  return {
      .run = nullptr, .argument = nullptr, .record = nullptr, .name = name, .priority = priority};
}

TEST(ReadyQueue, GivesTheHighestPriorityFirstAndEqualsInOrder) {
  ReadyQueue queue(4);
  EXPECT_TRUE(queue.push(named("low", 1)));
  EXPECT_TRUE(queue.push(named("first", 2)));
  EXPECT_TRUE(queue.push(named("second", 2)));
  EXPECT_TRUE(queue.push(named("third", 2)));
  for (const char* expected : {"first", "second", "third", "low"}) {
    const std::optional<Start> start = queue.pop();
    ASSERT_TRUE(start);
    EXPECT_EQ(start->name, expected);
  }
  EXPECT_FALSE(queue.pop());
}

TEST(ReadyQueue, IsFullAtItsCapacity) {
  ReadyQueue queue(1);
  EXPECT_FALSE(queue.may_have_any());
  EXPECT_TRUE(queue.push(named("one", 0)));
  EXPECT_FALSE(queue.push(named("two", 0)));
  EXPECT_TRUE(queue.may_have_any());
  EXPECT_TRUE(queue.pop());
  EXPECT_FALSE(queue.may_have_any());
}

}  // namespace
}  // namespace smtni::threads
