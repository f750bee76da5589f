// What endpoints promise that start a context for each message, with both drives.
#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "notify/mechanisms.h"
#include "tests/unit/interface_fixture.h"

namespace smtni::ni {
namespace {

using SpawningTest = InterfaceTest;

TEST_P(SpawningTest, MakesRoomForALargeMessageOnceAllContextsHaveEnded) {
  // 1024 lines. Less than a quarter is done with, so nothing is given back by the share alone; and
  // the large message must skip to the ring's start, for which that room is missing.
  Endpoint inbox = open({.message_cache = 64 * kKiB});
  Endpoint outbox = open({.send_buffer = 256 * kKiB});
  std::atomic<std::uint32_t> ended{0};
  ASSERT_TRUE(inbox.spawn_on_message([&](const Message&) { ++ended; }));
  const Deadline until = in(kPatience);
  std::uint32_t sent = 0;
  const auto send_one = [&](std::size_t size) {
    send_patiently(outbox, inbox.address(), std::vector<std::byte>(size));
    ++sent;
    while (ended < sent && !has_passed(until)) std::this_thread::yield();
  };
  for (int count = 0; count < 400; ++count) send_one(0);
  send_one(std::size_t{199} * kCacheLine);
  send_one(std::size_t{511} * kCacheLine);
  EXPECT_EQ(ended, sent);
}

TEST_P(SpawningTest, LeavesForReceiveWhatNoContextWasBegunFor) {
  Endpoint inbox = open();
  Endpoint outbox = open();
  std::atomic<bool> leave{false};
  std::atomic<std::uint32_t> begun{0};
  ASSERT_TRUE(inbox.spawn_on_message(
      [&](const Message&) {
        ++begun;
        const Deadline until = in(kPatience);
        while (!leave && !has_passed(until)) std::this_thread::yield();
      },
      {.os_thread_fallback = false}));
  for (std::uint32_t id = 0; id < 5; ++id) {
    send_patiently(outbox, inbox.address(), {}, {.type_id = id});
  }
  const Deadline until = in(kPatience);
  while (inbox.counters().placed < 5 && !has_passed(until)) std::this_thread::yield();
  std::thread later([&] {
    std::this_thread::sleep_for(20ms);  // until the endpoint is stopping, most likely
    leave = true;
  });
  inbox.stop_handling();
  later.join();
  for (std::uint32_t id = begun; id < 5; ++id) {
    const Received message = inbox.receive(in(kPatience));
    ASSERT_TRUE(message);
    EXPECT_EQ(message->info.type_id, id);
  }
  EXPECT_FALSE(inbox.try_receive());
}

TEST_P(SpawningTest, StartsAContextForEachMessage) {
  for (const auto& info : notify::all_mechanism_infos()) {
    if (info.role != notify::Role::spawns) continue;
    Endpoint inbox = open({.message_cache = Bytes(1024)});  // wraps many times
    Endpoint outbox = open();
    constexpr std::uint32_t kMessages = 500;
    std::vector<std::atomic<std::uint32_t>> seen(kMessages);
    std::atomic<std::uint32_t> total{0};
    const auto bound = inbox.spawn_on_message(
        [&](const Message& message) {
          std::uint32_t copy = 0;
          std::memcpy(&copy, message.payload.data(), sizeof copy);
          if (copy == message.info.type_id) seen[copy].fetch_add(1);
          total.fetch_add(1);
        },
        {.mechanism = info.name, .name = "context"});
    ASSERT_TRUE(bound) << info.name << ": " << bound.error().what;
    for (std::uint32_t id = 0; id < kMessages; ++id) {
      send_patiently(outbox, inbox.address(),
                     std::as_bytes(std::span<const std::uint32_t, 1>(&id, 1)), {.type_id = id});
    }
    const Deadline until = in(kPatience);
    while (total < kMessages && !has_passed(until)) std::this_thread::yield();
    inbox.stop_handling();
    for (std::uint32_t id = 0; id < kMessages; ++id) {
      ASSERT_EQ(seen[id].load(), 1U) << info.name << ", message " << id;
    }
    const Counters counts = inbox.counters();
    EXPECT_EQ(counts.started + counts.continued + counts.os_threads, kMessages) << info.name;
  }
}

TEST_P(SpawningTest, AsksForAThreadWhenNoContextIsFree) {
  Endpoint inbox = open();
  Endpoint outbox = open();
  std::atomic<int> inside{0};
  std::atomic<bool> leave{false};
  ASSERT_TRUE(inbox.spawn_on_message([&](const Message&) {
    ++inside;
    const Deadline until = in(kPatience);
    while (!leave && !has_passed(until)) std::this_thread::yield();
  }));
  // One context by default: the second and third message find it taken.
  for (int count = 0; count < 3; ++count) send_patiently(outbox, inbox.address(), {});
  const Deadline until = in(kPatience);
  while (inside < 3 && !has_passed(until)) std::this_thread::yield();
  EXPECT_EQ(inside, 3);
  EXPECT_EQ(inbox.counters().os_threads, 2U);
  leave = true;
  inbox.stop_handling();
}

TEST_P(SpawningTest, KeepsMessagesForTheNextContextWithoutAFallback) {
  Endpoint inbox = open();
  Endpoint outbox = open();
  std::atomic<int> ended{0};
  std::atomic<bool> leave{false};
  ASSERT_TRUE(inbox.spawn_on_message(
      [&](const Message&) {
        const Deadline until = in(kPatience);
        while (!leave && !has_passed(until)) std::this_thread::yield();
        ++ended;
      },
      {.os_thread_fallback = false}));
  for (int count = 0; count < 5; ++count) send_patiently(outbox, inbox.address(), {});
  const Deadline until = in(kPatience);
  while (inbox.counters().deferred == 0 && !has_passed(until)) std::this_thread::yield();
  leave = true;
  while (ended < 5 && !has_passed(until)) std::this_thread::yield();
  EXPECT_EQ(ended, 5);
  EXPECT_GT(inbox.counters().continued, 0U);
  inbox.stop_handling();
}

INSTANTIATE_TEST_SUITE_P(Drives, SpawningTest,
                         testing::Values(Drive::dedicated, Drive::in_the_call),
                         [](const auto& drive) {
                           return drive.param == Drive::dedicated ? "Dedicated" : "InTheCall";
                         });

}  // namespace
}  // namespace smtni::ni
