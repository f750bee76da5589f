// Endpoints whose full message cache spills, with both drives; spill_test.cc has the spill itself.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <thread>
#include <vector>

#include "tests/unit/interface_fixture.h"

namespace smtni::ni {
namespace {

constexpr EndpointOptions kSpilling{.message_cache = Bytes(1024),  // 16 lines
                                    .when_full = WhenFull::spill};

class SpillingTest : public InterfaceTest {
 protected:
  // 32-bit numbers, each as often as its message is long, so that every byte can be checked.
  static std::vector<std::byte> payload(std::uint32_t number) {
    std::vector<std::byte> bytes(4 * (number % 50));
    for (std::size_t at = 0; at < bytes.size(); at += 4) std::memcpy(&bytes[at], &number, 4);
    return bytes;
  }
  static void expect_is(const Message& message, std::uint32_t number) {
    EXPECT_EQ(message.info.type_id, number);
    const auto expected = payload(number);
    ASSERT_EQ(message.payload.size(), expected.size());
    EXPECT_TRUE(std::equal(expected.begin(), expected.end(), message.payload.begin()));
  }
};

TEST_P(SpillingTest, KeepsWhatTheCacheHasNoRoomForInOrder) {
  Endpoint inbox = open(kSpilling);
  Endpoint outbox = open();
  for (std::uint32_t number = 0; number < 500; ++number) {
    send_patiently(outbox, inbox.address(), payload(number), {.type_id = number});
  }
  for (std::uint32_t number = 0; number < 500; ++number) {
    const Received message = inbox.receive(in(kPatience));
    ASSERT_TRUE(message);
    expect_is(*message, number);
  }
  const Counters counts = inbox.counters();
  EXPECT_EQ(counts.placed, 500U);
  EXPECT_GT(counts.spilled, 450U);
  EXPECT_EQ(counts.refilled, counts.spilled);
  EXPECT_EQ(counts.held_back, 0U);
  EXPECT_FALSE(inbox.has_news());
}

TEST_P(SpillingTest, HoldsTheSenderBackAtTheLimit) {
  EndpointOptions options = kSpilling;
  options.spill_limit = Bytes(4096);
  Endpoint inbox = open(options);
  Endpoint outbox = open({.send_buffer = Bytes(256)});
  std::uint32_t sent = 0;
  const Deadline until = in(kPatience);
  while (inbox.counters().held_back == 0 && !has_passed(until)) {
    if (outbox.send(inbox.address(), {}, {.type_id = sent})) ++sent;
  }
  EXPECT_GT(inbox.counters().held_back, 0U);
  EXPECT_LT(sent, 200U);
  for (std::uint32_t number = 0; number < sent; ++number) {
    const Received message = inbox.receive(in(kPatience));
    ASSERT_TRUE(message);
    EXPECT_EQ(message->info.type_id, number);
  }
}

// Sender and receiver run at once; the cache is full and drained again and again.
TEST_P(SpillingTest, LosesNothingAndNoWakeUp) {
  constexpr std::uint32_t kMessages = 20'000;
  Endpoint inbox = open(kSpilling);
  Endpoint outbox = open();
  std::thread sender([&] {
    for (std::uint32_t number = 0; number < kMessages; ++number) {
      send_patiently(outbox, inbox.address(), payload(number), {.type_id = number});
    }
  });
  for (std::uint32_t number = 0; number < kMessages; ++number) {
    const Deadline until = in(kPatience);
    const Received message = inbox.receive(until);
    EXPECT_TRUE(message);
    if (!message) break;
    expect_is(*message, number);
    EXPECT_FALSE(has_passed(until)) << "lost a wake-up";
  }
  sender.join();
}

TEST_P(SpillingTest, BranchesForWhatWasSpilled) {
  Endpoint inbox = open(kSpilling);
  Endpoint outbox = open();
  for (std::uint32_t number = 0; number < 300; ++number) {
    send_patiently(outbox, inbox.address(), payload(number), {.type_id = number});
  }
  const Deadline until = in(kPatience);
  while (inbox.counters().placed < 300 && !has_passed(until)) std::this_thread::yield();
  std::uint32_t handled = 0;
  ASSERT_TRUE(inbox.on_message([&](const Message& message) { expect_is(message, handled++); }));
  while (handled < 300 && !has_passed(until)) inbox.safepoint();
  EXPECT_EQ(handled, 300U);
  inbox.stop_handling();
}

// The contexts are slow, so messages spill; no further arrival brings them back.
TEST_P(SpillingTest, StartsContextsForWhatWasSpilled) {
  Endpoint inbox = open(kSpilling);
  Endpoint outbox = open();
  std::atomic<std::uint32_t> handled{0};
  std::atomic<std::uint32_t> sum{0};
  std::atomic<bool> may_end{false};
  ASSERT_TRUE(inbox.spawn_on_message(
      [&](const Message& message) {
        const Deadline until = in(kPatience);
        while (!may_end && !has_passed(until)) std::this_thread::yield();
        sum += message.info.type_id;
        ++handled;
      },
      {.os_thread_fallback = false}));
  for (std::uint32_t number = 0; number < 300; ++number) {
    send_patiently(outbox, inbox.address(), payload(number), {.type_id = number});
  }
  const Deadline until = in(kPatience);
  while (inbox.counters().placed < 300 && !has_passed(until)) std::this_thread::yield();
  EXPECT_GT(inbox.counters().spilled, 200U);
  may_end = true;
  while (handled < 300 && !has_passed(until)) std::this_thread::yield();
  EXPECT_EQ(handled, 300U);
  EXPECT_EQ(sum, 300U * 299U / 2U);
  inbox.stop_handling();
}

TEST_P(SpillingTest, SaysInTheRecordThatAMessageWasSpilled) {
  EndpointOptions options = kSpilling;
  options.records = true;
  Endpoint inbox = open(options);
  Endpoint outbox = open();
  for (std::uint32_t number = 0; number < 100; ++number) {
    send_patiently(outbox, inbox.address(), {}, {.type_id = number});
  }
  const Deadline until = in(kPatience);
  while (inbox.counters().placed < 100 && !has_passed(until)) std::this_thread::yield();
  for (std::uint32_t number = 0; number < 100; ++number) {
    const Received message = inbox.receive(until);
    ASSERT_TRUE(message);
    EXPECT_EQ(message->info.type_id, number);
    const bool was_in_the_cache = number < 16;
    EXPECT_EQ(message.record().fallback == notify::Fallback::spilled, !was_in_the_cache) << number;
    EXPECT_NE(message.record().arrival, TscInstant());
  }
}

TEST_P(SpillingTest, StoresPayloadsWithStreamingStores) {
  Endpoint inbox = open({.stores = Stores::streaming});
  Endpoint outbox = open();
  for (std::uint32_t number = 0; number < 200; ++number) {
    send_patiently(outbox, inbox.address(), payload(number), {.type_id = number});
    const Received message = inbox.receive(in(kPatience));
    ASSERT_TRUE(message);
    expect_is(*message, number);
  }
}

INSTANTIATE_TEST_SUITE_P(Drives, SpillingTest,
                         testing::Values(Drive::dedicated, Drive::in_the_call),
                         [](const auto& drive) {
                           return drive.param == Drive::dedicated ? "Dedicated" : "InTheCall";
                         });

}  // namespace
}  // namespace smtni::ni
