// What an interface and its endpoints promise, with both drives.
#include "ni/interface.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <numeric>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "notify/mechanisms.h"

namespace smtni::ni {
namespace {

using namespace std::chrono_literals;

// Far beyond any honest delivery.
constexpr auto kPatience = 20s;

std::span<const std::byte> bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

std::string text_of(const Message& message) {
  return {reinterpret_cast<const char*>(message.payload.data()), message.payload.size()};
}

class InterfaceTest : public testing::TestWithParam<Drive> {
 protected:
  void SetUp() override {
    auto started = Interface::start({.drive = GetParam()});
    ASSERT_TRUE(started) << started.error().what;
    interface.emplace(*std::move(started));
  }

  Endpoint open(const EndpointOptions& options = {}) {
    auto endpoint = interface->open_endpoint(options);
    EXPECT_TRUE(endpoint) << endpoint.error().what;
    return *std::move(endpoint);
  }

  // Sends, and sends again while there is no room.
  static void send_patiently(Endpoint& from, Address to, std::span<const std::byte> payload,
                             const SendOptions& options = {}) {
    const Deadline until = in(kPatience);
    for (;;) {
      const Sent sent = from.send(to, payload, options);
      if (sent) return;
      ASSERT_EQ(sent.why(), Error::Kind::would_block);
      ASSERT_FALSE(has_passed(until));
      std::this_thread::yield();
    }
  }

  // Dedicated drive: what was sent has gone through the NI once a later message has.
  std::optional<Interface> interface;
};

TEST_P(InterfaceTest, DeliversAMessageWithItsRecord) {
  Endpoint inbox = open();
  Endpoint outbox = open();
  ASSERT_TRUE(outbox.send(inbox.address(), bytes("hello"), {.type_id = 7, .user_data = 99}));
  const Received message = inbox.receive(in(kPatience));
  ASSERT_TRUE(message);
  EXPECT_EQ(text_of(*message), "hello");
  EXPECT_EQ(message->info.type_id, 7U);
  EXPECT_EQ(message->info.user_data, 99U);
  EXPECT_EQ(message.origin(), outbox.address());
}

TEST_P(InterfaceTest, DeliversToItself) {
  Endpoint self = open();
  for (int round = 0; round < 1000; ++round) {
    const std::string text = std::to_string(round);
    ASSERT_TRUE(self.send(self.address(), bytes(text)));
    const Received message = self.receive(in(kPatience));
    ASSERT_TRUE(message);
    EXPECT_EQ(text_of(*message), text);
  }
}

TEST_P(InterfaceTest, WakesAReceiverWithEveryWaitingMechanism) {
  for (const auto& info : notify::all_mechanism_infos()) {
    if (info.role != notify::Role::waits) continue;
    auto inbox = interface->open_endpoint({.notify = info.name});
    if (!inbox) {
      EXPECT_EQ(inbox.error().kind, Error::Kind::unsupported) << info.name;
      continue;
    }
    Endpoint outbox = open();
    std::thread sender([&] {
      for (int round = 0; round < 20; ++round) {
        std::this_thread::sleep_for(200us);
        send_patiently(outbox, inbox->address(), bytes("news"));
      }
    });
    for (int round = 0; round < 20; ++round) {
      const Deadline until = in(kPatience);
      EXPECT_TRUE(inbox->receive(until)) << info.name;
      EXPECT_FALSE(has_passed(until)) << info.name << " lost a wake-up";
    }
    sender.join();
  }
}

TEST_P(InterfaceTest, ReturnsNothingAtTheDeadline) {
  Endpoint inbox = open();
  const Deadline until = in(3ms);
  EXPECT_FALSE(inbox.receive(until));
  EXPECT_TRUE(has_passed(until));
}

TEST_P(InterfaceTest, DeliversSilentlyWhenTheSenderWishesSo) {
  Endpoint inbox = open();
  Endpoint outbox = open();
  ASSERT_TRUE(outbox.send(inbox.address(), bytes("quiet"), {.notify = false}));
  const Deadline until = in(kPatience);
  Received message;
  while (!message && !has_passed(until)) message = inbox.try_receive();
  ASSERT_TRUE(message);
  EXPECT_EQ(inbox.counters().silent, 1U);
  EXPECT_EQ(inbox.counters().notified, 0U);
}

TEST_P(InterfaceTest, HoldsTheSenderBackWhenTheCacheIsFullAndDropsNothing) {
  Endpoint inbox = open({.message_cache = Bytes(256)});
  Endpoint outbox = open({.send_buffer = Bytes(256)});
  std::uint32_t sent = 0;
  const Deadline filled = in(50ms);  // long enough for the NI to move all it can
  while (!has_passed(filled)) {
    const Sent one = outbox.send(inbox.address(), {}, {.type_id = sent});
    if (one) {
      ++sent;
    } else {
      ASSERT_EQ(one.why(), Error::Kind::would_block);
    }
  }
  EXPECT_EQ(sent, GetParam() == Drive::dedicated ? 8U : 4U) << "two rings of four lines, or one";
  EXPECT_GT(inbox.counters().held_back, 0U);
  for (std::uint32_t received = 0; received < sent; ++received) {
    const Received message = inbox.receive(in(kPatience));
    ASSERT_TRUE(message);
    EXPECT_EQ(message->info.type_id, received);
  }
  EXPECT_FALSE(inbox.try_receive());
}

TEST_P(InterfaceTest, RefusesAMessageThatNeverFits) {
  Endpoint inbox = open({.message_cache = Bytes(1024)});
  Endpoint outbox = open();
  const std::vector<std::byte> large(10'000);
  const Sent sent = outbox.send(inbox.address(), large);
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.why(), Error::Kind::message_too_large);
}

TEST_P(InterfaceTest, RefusesToSendToNobody) {
  Endpoint outbox = open();
  EXPECT_EQ(outbox.send(Address(), bytes("x")).why(), Error::Kind::closed);
  EXPECT_EQ(outbox.send(Address(77, 1), bytes("x")).why(), Error::Kind::closed);
  EXPECT_EQ(outbox.send(Address(0xFFFF, 1), bytes("x")).why(), Error::Kind::closed);
}

TEST_P(InterfaceTest, DoesNotTakeANewEndpointForAClosedOne) {
  Endpoint outbox = open();
  Address first;
  {
    Endpoint inbox = open();
    first = inbox.address();
  }
  Endpoint second = open();
  EXPECT_EQ(second.address().index(), first.index()) << "the place is used again";
  EXPECT_EQ(outbox.send(first, bytes("late")).why(), Error::Kind::closed);
  EXPECT_TRUE(outbox.send(second.address(), bytes("new")));
  EXPECT_EQ(text_of(*second.receive(in(kPatience))), "new");
}

TEST_P(InterfaceTest, AnswersClosedAfterClose) {
  Endpoint inbox = open();
  Endpoint outbox = open();
  EXPECT_TRUE(inbox.close(in(kPatience)));
  EXPECT_TRUE(inbox.close(in(kPatience)));
  EXPECT_FALSE(inbox.try_receive());
  EXPECT_FALSE(inbox.receive(in(1s)));
  EXPECT_EQ(inbox.send(outbox.address(), {}).why(), Error::Kind::closed);
  EXPECT_EQ(inbox.on_message([](const Message&) {}).error().kind, Error::Kind::closed);
  EXPECT_EQ(inbox.spawn_on_message([](const Message&) {}).error().kind, Error::Kind::closed);
}

TEST_P(InterfaceTest, AnswersClosedOnceTheInterfaceHasGone) {
  Endpoint inbox = open();
  Endpoint outbox = open();
  interface.reset();
  EXPECT_EQ(outbox.send(inbox.address(), {}).why(), Error::Kind::closed);
}

TEST_P(InterfaceTest, WakesAReceiverWhenItGoes) {
  Endpoint inbox = open();
  std::thread end([&] {
    std::this_thread::sleep_for(5ms);
    interface.reset();
  });
  const Deadline until = in(kPatience);
  EXPECT_FALSE(inbox.receive(until));
  EXPECT_FALSE(has_passed(until));
  end.join();
}

TEST_P(InterfaceTest, WakesAReceiverWhoseCacheIsFullOfSilentMessages) {
  Endpoint inbox = open({.message_cache = Bytes(256)});
  Endpoint outbox = open();
  std::thread sender([&] {
    std::this_thread::sleep_for(5ms);  // the receiver is asleep by then, most likely
    for (std::uint32_t id = 0; id < 20; ++id) {
      send_patiently(outbox, inbox.address(), {}, {.type_id = id, .notify = id == 19});
    }
  });
  for (std::uint32_t id = 0; id < 20; ++id) {
    const Received message = inbox.receive(in(kPatience));
    ASSERT_TRUE(message) << id;
    EXPECT_EQ(message->info.type_id, id);
  }
  sender.join();
}

TEST_P(InterfaceTest, DeliversWhatWasSentBeforeItsSenderClosed) {
  Endpoint inbox = open({.message_cache = 256 * kKiB});
  std::thread sender([&] {
    Endpoint outbox = open({.send_buffer = Bytes(4096)});
    for (std::uint32_t id = 0; id < 1000; ++id) {
      send_patiently(outbox, inbox.address(), {}, {.type_id = id});
    }
    EXPECT_TRUE(outbox.close(in(kPatience)));
  });
  for (std::uint32_t id = 0; id < 1000; ++id) {
    const Received message = inbox.receive(in(kPatience));
    ASSERT_TRUE(message);
    ASSERT_EQ(message->info.type_id, id);
  }
  sender.join();
}

TEST_P(InterfaceTest, NamesWhatItAcceptsForAnUnknownMechanism) {
  const auto endpoint = interface->open_endpoint({.notify = "lock-table/sleep"});
  ASSERT_FALSE(endpoint);
  EXPECT_EQ(endpoint.error().kind, Error::Kind::invalid);
  EXPECT_NE(endpoint.error().what.find("lock-table/park"), std::string::npos);
}

TEST_P(InterfaceTest, RefusesAMechanismOfAnotherRole) {
  EXPECT_EQ(interface->open_endpoint({.notify = "async-branch/safepoint"}).error().kind,
            Error::Kind::invalid);
  Endpoint inbox = open();
  EXPECT_EQ(inbox.on_message([](const Message&) {}, {.mechanism = "kernel/futex"}).error().kind,
            Error::Kind::invalid);
  EXPECT_EQ(inbox.spawn_on_message([](const Message&) {}, {.mechanism = "poll/spin"}).error().kind,
            Error::Kind::invalid);
}

TEST_P(InterfaceTest, RefusesCapacitiesThatMakeNoSense) {
  EXPECT_EQ(interface->open_endpoint({.message_cache = Bytes(0)}).error().kind,
            Error::Kind::invalid);
  EXPECT_EQ(interface->open_endpoint({.message_cache = Bytes(~0ULL)}).error().kind,
            Error::Kind::invalid);
}

TEST_P(InterfaceTest, BranchesAComputingThreadWithEveryBranchingMechanism) {
  for (const auto& info : notify::all_mechanism_infos()) {
    if (info.role != notify::Role::branches) continue;
    Endpoint inbox = open();
    Endpoint outbox = open();
    std::atomic<std::uint32_t> next{0};
    std::uint32_t wrong = 0;
    ASSERT_TRUE(outbox.send(inbox.address(), {}, {.type_id = 0}));  // before there is a handler
    const auto bound = inbox.on_message(
        [&](const Message& message) {
          wrong += message.info.type_id != next.load(std::memory_order_relaxed);
          next.fetch_add(1, std::memory_order_release);
        },
        {.mechanism = info.name, .name = "branch"});
    if (!bound) {
      EXPECT_EQ(bound.error().kind, Error::Kind::unsupported) << info.name;
      continue;
    }
    std::thread sender([&] {
      for (std::uint32_t id = 1; id < 50; ++id) {
        send_patiently(outbox, inbox.address(), {}, {.type_id = id});
        std::this_thread::sleep_for(50us);
      }
    });
    threads::Chain chain;
    const Deadline until = in(kPatience);
    while (next.load(std::memory_order_acquire) < 50 && !has_passed(until)) {
      inbox.binding().compute(chain);
    }
    sender.join();
    inbox.stop_handling();
    EXPECT_EQ(next.load(), 50U) << info.name;
    EXPECT_EQ(wrong, 0U) << info.name;
    // Received by hand again.
    ASSERT_TRUE(outbox.send(inbox.address(), bytes("after")));
    EXPECT_TRUE(inbox.receive(in(kPatience))) << info.name;
  }
}

TEST_P(InterfaceTest, LetsAHandlerSendWhateverItInterrupts) {
  // The handler replies through the endpoint that the interrupted thread is itself sending from.
  for (const std::string_view mechanism : {"async-branch/safepoint", "signal/running"}) {
    Endpoint server = open();
    Endpoint client = open();
    Endpoint sink = open({.message_cache = 256 * kKiB});
    std::uint32_t replies = 0;
    const auto bound = server.on_message(
        [&](const Message& message) {
          send_patiently(server, Address::from_word(message.info.peer), message.payload);
          ++replies;
        },
        {.mechanism = mechanism});
    ASSERT_TRUE(bound) << bound.error().what;
    std::atomic<bool> done{false};
    std::thread asker([&] {
      for (std::uint32_t round = 0; round < 50; ++round) {
        send_patiently(client, server.address(), bytes("?"));
        const Received reply = client.receive(in(kPatience));
        EXPECT_TRUE(reply);
      }
      done = true;
    });
    std::thread drain([&] {
      while (!done) {
        if (!sink.receive(in(1ms))) std::this_thread::yield();
      }
    });
    const Deadline until = in(kPatience);
    while (!done && !has_passed(until)) {
      if (!server.send(sink.address(), bytes("work"))) std::this_thread::yield();
      server.safepoint();
    }
    asker.join();
    drain.join();
    server.stop_handling();
    EXPECT_EQ(replies, 50U);
  }
}

TEST_P(InterfaceTest, HoldsBranchesBackInsideItsOwnCalls) {
  // Unless branches wait, the handler finds a send half done. With an NI in the call, the handler's
  // send takes the inlet lock that counters() holds, and the mutex that a waiting condition
  // variable holds, unless branches wait.
  Endpoint server = open({.message_cache = 256 * kKiB});
  Endpoint other = open({.notify = "kernel/condvar"});
  Endpoint client = open();
  const std::vector<std::byte> large(16'000);
  std::atomic<std::uint32_t> handled{0};
  ASSERT_TRUE(server.on_message(
      [&](const Message& message) {
        if (message.info.type_id == 0) (void)server.send(server.address(), {}, {.type_id = 1});
        (void)server.send(other.address(), {});
        handled.fetch_add(1);
      },
      {.mechanism = "signal/running"}));
  std::atomic<bool> stop{false};
  std::thread asker([&] {
    while (!stop) {
      (void)client.send(server.address(), {});
      std::this_thread::sleep_for(10us);
    }
  });
  const Deadline enough = in(200ms);
  while (!has_passed(enough) || handled < 100) {
    (void)server.counters();
    for (int count = 0; count < 20; ++count) (void)server.send(other.address(), large);
    (void)other.receive(in(10us));
    (void)other.has_news();
  }
  stop = true;
  asker.join();
  server.stop_handling();
}

TEST_P(InterfaceTest, MakesRoomForALargeMessageOnceAllContextsHaveEnded) {
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

TEST_P(InterfaceTest, LeavesForReceiveWhatNoContextWasBegunFor) {
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

TEST_P(InterfaceTest, SurvivesAHandlerThatThrows) {
  Endpoint inbox = open();
  ASSERT_TRUE(inbox.send(inbox.address(), {}, {.type_id = 1}));
  ASSERT_TRUE(inbox.send(inbox.address(), {}, {.type_id = 2}));
  std::vector<std::uint32_t> seen;
  testing::internal::CaptureStderr();
  ASSERT_TRUE(inbox.on_message(
      [&](const Message& message) {
        seen.push_back(message.info.type_id);
        throw std::runtime_error("no good");
      },
      {.name = "clumsy"}));
  const Deadline until = in(kPatience);
  while (seen.size() < 2 && !has_passed(until)) inbox.safepoint();
  inbox.stop_handling();
  const std::string report = testing::internal::GetCapturedStderr();
  EXPECT_EQ(seen, (std::vector<std::uint32_t>{1, 2}));
  EXPECT_NE(report.find("handler 'clumsy' threw: no good"), std::string::npos) << report;
}

TEST_P(InterfaceTest, StartsAContextForEachMessage) {
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

TEST_P(InterfaceTest, AsksForAThreadWhenNoContextIsFree) {
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

TEST_P(InterfaceTest, KeepsMessagesForTheNextContextWithoutAFallback) {
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

TEST_P(InterfaceTest, ServesManyEndpointsFairly) {
  // One endpoint floods; the others' single messages still get through while it does.
  Endpoint flooder = open({.send_buffer = 256 * kKiB});
  Endpoint drain = open({.message_cache = 256 * kKiB});
  std::vector<Endpoint> others;
  for (int count = 0; count < 20; ++count) others.push_back(open());
  std::atomic<bool> stop{false};
  std::thread flood([&] {
    while (!stop) (void)flooder.send(drain.address(), bytes("flood"));
  });
  std::thread sink([&] {
    while (!stop) {
      if (!drain.receive(in(1ms))) std::this_thread::yield();
    }
  });
  for (Endpoint& other : others) {
    send_patiently(other, other.address(), bytes("me too"));
    EXPECT_TRUE(other.receive(in(kPatience)));
  }
  stop = true;
  flood.join();
  sink.join();
}

TEST_P(InterfaceTest, OpensAsManyEndpointsAsItPromisesAndNoMore) {
  std::vector<Endpoint> endpoints;
  const EndpointOptions small{
      .message_cache = Bytes(256), .send_buffer = Bytes(256), .notify = "poll/pause"};
  for (int count = 0; count < Interface::kMaxEndpoints; ++count) endpoints.push_back(open(small));
  const auto one_more = interface->open_endpoint(small);
  ASSERT_FALSE(one_more);
  EXPECT_EQ(one_more.error().kind, Error::Kind::would_block);
  EXPECT_TRUE(endpoints.front().send(endpoints.back().address(), bytes("far")));
  EXPECT_TRUE(endpoints.back().receive(in(kPatience)));
  interface.reset();  // or each of so many would wait for two passes of the NI before it closes
}

INSTANTIATE_TEST_SUITE_P(Drives, InterfaceTest,
                         testing::Values(Drive::dedicated, Drive::in_the_call),
                         [](const auto& drive) {
                           return drive.param == Drive::dedicated ? "Dedicated" : "InTheCall";
                         });

TEST(InterfaceDeathTest, RefusesToCloseABranchedEndpointOnAnotherThread) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        auto interface = *Interface::start({.drive = Drive::in_the_call});
        Endpoint inbox = *interface.open_endpoint();
        EXPECT_TRUE(inbox.on_message([](const Message&) {}));
        std::thread([other = std::move(inbox)] {}).join();
      },
      "branching_port == port_");
}

TEST(InterfaceDeathTest, RefusesToStopHandlingInsideAHandler) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        auto interface = *Interface::start({.drive = Drive::in_the_call});
        Endpoint inbox = *interface.open_endpoint();
        EXPECT_TRUE(inbox.on_message([&](const Message&) { inbox.stop_handling(); }));
        EXPECT_TRUE(inbox.send(inbox.address(), {}));
        inbox.safepoint();
      },
      "in_handler");
}

TEST(Interface, NamesWhatItAcceptsForAnUnknownWire) {
  const auto interface = Interface::start({.wire = "string"});
  ASSERT_FALSE(interface);
  EXPECT_EQ(interface.error().kind, Error::Kind::invalid);
  EXPECT_NE(interface.error().what.find("accepted: loopback"), std::string::npos);
}

}  // namespace
}  // namespace smtni::ni
