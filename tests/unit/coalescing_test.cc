// Which messages are announced, and when.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "ni/internal/coalescer.h"
#include "tests/unit/interface_fixture.h"

namespace smtni::ni {
namespace {

constexpr Nanoseconds kLong{60'000'000'000};

TEST(Coalescer, AnnouncesEachMessageUnlessToldOtherwise) {
  Coalescer coalescer;
  coalescer.configure({});
  for (std::uint64_t index = 0; index < 5; ++index) {
    EXPECT_TRUE(coalescer.announces(index, true));
    coalescer.announced();
  }
}

TEST(Coalescer, AnnouncesWhenTheCountIsFull) {
  Coalescer coalescer;
  coalescer.configure({.messages = 3, .period = kLong});
  for (std::uint64_t index = 0; index < 9; index += 3) {
    EXPECT_FALSE(coalescer.announces(index, true));
    EXPECT_FALSE(coalescer.announces(index + 1, true));
    EXPECT_TRUE(coalescer.has_unannounced());
    EXPECT_TRUE(coalescer.is_counting());
    EXPECT_TRUE(coalescer.announces(index + 2, true));
    coalescer.announced();
    EXPECT_FALSE(coalescer.is_counting());
  }
}

TEST(Coalescer, IsDueOnceThePeriodOfTheFirstHasPassed) {
  Coalescer coalescer;
  coalescer.configure({.messages = 100, .period = Nanoseconds(2'000'000)});
  EXPECT_FALSE(coalescer.is_due());
  const Deadline least = in(2ms);
  EXPECT_FALSE(coalescer.announces(0, true));
  const Deadline until = in(kPatience);
  while (!coalescer.is_due() && !has_passed(until)) std::this_thread::yield();
  EXPECT_TRUE(has_passed(least));
  EXPECT_TRUE(coalescer.is_due());
}

TEST(Coalescer, AnnouncesOnlyTheMessageThatWasAskedFor) {
  Coalescer coalescer;
  coalescer.configure({.event_index = true});
  EXPECT_TRUE(coalescer.announces(0, true));
  EXPECT_FALSE(coalescer.announces(1, true));
  EXPECT_FALSE(coalescer.announces(2, true));
  coalescer.ask(3);
  EXPECT_TRUE(coalescer.announces(3, true));
  EXPECT_FALSE(coalescer.announces(4, true));
  coalescer.ask(5);
  coalescer.ask(5);
  EXPECT_TRUE(coalescer.announces(5, true));
  EXPECT_FALSE(coalescer.has_unannounced());
}

// The message that was asked for is silent: the next one that is not stands in for it.
TEST(Coalescer, AnnouncesTheNextMessageAfterASilentOne) {
  Coalescer coalescer;
  coalescer.configure({.event_index = true});
  coalescer.ask(3);
  EXPECT_TRUE(coalescer.announces(5, true));
  EXPECT_FALSE(coalescer.announces(6, true));
  coalescer.ask(7);
  EXPECT_TRUE(coalescer.announces(9, true));
}

TEST(Coalescer, AnnouncesEachMessageToAReceiverThatDoesNotAsk) {
  Coalescer coalescer;
  coalescer.configure({.event_index = true});
  for (std::uint64_t index = 0; index < 5; ++index) {
    EXPECT_TRUE(coalescer.announces(index, false));
  }
}

TEST(Coalescer, WaitsForMoreThanOneWhenTheReceiverAsksSo) {
  Coalescer coalescer;
  coalescer.configure({.messages = 4, .period = kLong, .event_index = true});
  coalescer.ask(10);
  EXPECT_FALSE(coalescer.announces(10, true));
  EXPECT_FALSE(coalescer.announces(12, true));
  EXPECT_TRUE(coalescer.has_unannounced());
  EXPECT_TRUE(coalescer.is_counting());
  EXPECT_TRUE(coalescer.announces(13, true));
}

using CoalescingTest = InterfaceTest;

TEST_P(CoalescingTest, NotifiesOnlyAReceiverThatWaits) {
  Endpoint inbox = open({.coalescing = {.event_index = true}});
  Endpoint outbox = open();
  for (int number = 0; number < 50; ++number) {
    send_patiently(outbox, inbox.address(), bytes("busy"));
    Received message;
    const Deadline until = in(kPatience);
    while (!message && !has_passed(until)) message = inbox.try_receive();
    ASSERT_TRUE(message);
  }
  // The first was asked for from the start.
  EXPECT_EQ(inbox.counters().notified, 1U);
  EXPECT_EQ(inbox.counters().coalesced, 49U);
}

// A lost wake-up would show as a receiver that its deadline woke.
TEST_P(CoalescingTest, LosesNoWakeUpWithAnEventIndex) {
  constexpr std::uint64_t kRounds = 2000;
  for (const std::string_view mechanism : {"lock-table/park", "kernel/eventfd", "kernel/futex"}) {
    notify::Options at_once;
    at_once.spin = Nanoseconds(0);
    Endpoint inbox =
        open({.notify = mechanism, .mechanism = at_once, .coalescing = {.event_index = true}});
    Endpoint outbox = open();
    std::thread sender([&] {
      for (std::uint64_t round = 0; round < kRounds; ++round) {
        send_patiently(outbox, inbox.address(), {}, {.user_data = round});
        if (round % 7 == 0) std::this_thread::yield();
      }
    });
    for (std::uint64_t round = 0; round < kRounds; ++round) {
      const Deadline until = in(kPatience);
      const Received message = inbox.receive(until);
      EXPECT_TRUE(message && message->info.user_data == round) << mechanism;
      EXPECT_FALSE(has_passed(until)) << mechanism << " lost a wake-up";
    }
    sender.join();
  }
}

TEST_P(CoalescingTest, RefusesWhatWouldWaitForEver) {
  const auto none = interface->open_endpoint({.coalescing = {.messages = 0}});
  const auto endless = interface->open_endpoint({.coalescing = {.messages = 8}});
  ASSERT_FALSE(none || endless);
  EXPECT_EQ(none.error().kind, Error::Kind::invalid);
  EXPECT_EQ(endless.error().kind, Error::Kind::invalid);
}

INSTANTIATE_TEST_SUITE_P(Drives, CoalescingTest,
                         testing::Values(Drive::dedicated, Drive::in_the_call),
                         [](const auto& drive) {
                           return drive.param == Drive::dedicated ? "Dedicated" : "InTheCall";
                         });

TEST(Coalescing, ByTimeNeedsAnNiThread) {
  auto interface = Interface::start({.drive = Drive::in_the_call});
  ASSERT_TRUE(interface);
  const auto endpoint = interface->open_endpoint({.coalescing = {.messages = 8, .period = kLong}});
  ASSERT_FALSE(endpoint);
  EXPECT_NE(endpoint.error().what.find("needs an NI thread"), std::string::npos);
}

class CoalescingByTheNiThread : public testing::Test {
 protected:
  void SetUp() override {
    auto started = Interface::start();
    ASSERT_TRUE(started) << started.error().what;
    interface.emplace(*std::move(started));
  }
  Endpoint open(const EndpointOptions& options = {}) {
    auto endpoint = interface->open_endpoint(options);
    EXPECT_TRUE(endpoint) << endpoint.error().what;
    return *std::move(endpoint);
  }
  std::optional<Interface> interface;
};

TEST_F(CoalescingByTheNiThread, BranchesOnceForAFullCount) {
  Endpoint inbox = open({.coalescing = {.messages = 10, .period = kLong}});
  Endpoint outbox = open();
  int handled = 0;
  ASSERT_TRUE(inbox.on_message([&](const Message&) { ++handled; }));
  const Deadline until = in(kPatience);
  for (int number = 0; number < 9; ++number) ASSERT_TRUE(outbox.send(inbox.address(), {}));
  while (inbox.counters().placed < 9 && !has_passed(until)) std::this_thread::yield();
  inbox.safepoint();
  EXPECT_EQ(handled, 0);
  ASSERT_TRUE(outbox.send(inbox.address(), {}));
  while (handled < 10 && !has_passed(until)) inbox.safepoint();
  EXPECT_EQ(handled, 10);
  EXPECT_EQ(inbox.counters().notified, 1U);
  inbox.stop_handling();
}

TEST_F(CoalescingByTheNiThread, BranchesOnceThePeriodHasPassed) {
  Endpoint inbox = open({.coalescing = {.messages = 10, .period = Nanoseconds(3'000'000)}});
  Endpoint outbox = open();
  int handled = 0;
  ASSERT_TRUE(inbox.on_message([&](const Message&) { ++handled; }));
  const Deadline least = in(3ms);
  const Deadline until = in(kPatience);
  ASSERT_TRUE(outbox.send(inbox.address(), {}));
  ASSERT_TRUE(outbox.send(inbox.address(), {}));
  while (handled < 2 && !has_passed(until)) inbox.safepoint();
  EXPECT_EQ(handled, 2);
  EXPECT_TRUE(has_passed(least));
  inbox.stop_handling();
}

TEST_F(CoalescingByTheNiThread, AnnouncesAFullCacheWhateverItsCount) {
  Endpoint inbox = open({.message_cache = Bytes(256),  // four lines
                         .coalescing = {.messages = 100, .period = kLong}});
  Endpoint outbox = open();
  int handled = 0;
  ASSERT_TRUE(inbox.on_message([&](const Message&) { ++handled; }));
  for (int number = 0; number < 8; ++number) ASSERT_TRUE(outbox.send(inbox.address(), {}));
  const Deadline until = in(kPatience);
  while (handled < 4 && !has_passed(until)) inbox.safepoint();
  EXPECT_GE(handled, 4);
  inbox.stop_handling();
}

}  // namespace
}  // namespace smtni::ni
