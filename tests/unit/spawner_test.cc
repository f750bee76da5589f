// What a spawner does when no context can be had; interface_spawning_test.cc has the rest.
#include "ni/internal/spawner.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <thread>

#include "core/message_ring.h"

namespace smtni::ni {
namespace {

using namespace std::chrono_literals;

TEST(Spawner, SaysThatAMessageWaitsWhichNoContextWillTakeOn) {
  auto cache = MessageRing::create(Bytes(1024));
  auto contexts = notify::Binding::open("spawn/idle-context");
  ASSERT_TRUE(cache && contexts);
  SpinLock inlet;
  std::atomic<std::uint32_t> handled{0};
  Spawner spawner(
      cache->consumer(), inlet, [&](const Message& message) { handled = message.info.type_id; },
      "entry", *contexts, nullptr);

  // Not armed yet, the contexts decline every start, and none runs that could take it on.
  ASSERT_TRUE(cache->producer().push({}, {.type_id = 7}));
  {
    const std::lock_guard guard(inlet);
    EXPECT_FALSE(spawner.dispatch());
    EXPECT_FALSE(spawner.dispatch());
  }
  ASSERT_TRUE(contexts->arm(spawner.entry()));
  {
    const std::lock_guard guard(inlet);
    EXPECT_TRUE(spawner.dispatch());
  }
  const Deadline until = in(20s);
  while (handled == 0 && !has_passed(until)) std::this_thread::yield();
  EXPECT_EQ(handled, 7U);
  contexts->disarm();
  EXPECT_EQ(spawner.counts().started, 1U);
  EXPECT_EQ(spawner.counts().deferred, 1U);
}

}  // namespace
}  // namespace smtni::ni
