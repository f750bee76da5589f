// What an interface and the endpoints promise whose receiver waits, with both drives.
#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "notify/mechanisms.h"
#include "tests/unit/interface_fixture.h"

namespace smtni::ni {
namespace {

using WaitingTest = InterfaceTest;

TEST_P(WaitingTest, DeliversAMessageWithItsRecord) {
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

TEST_P(WaitingTest, DeliversToItself) {
  Endpoint self = open();
  for (int round = 0; round < 1000; ++round) {
    const std::string text = std::to_string(round);
    ASSERT_TRUE(self.send(self.address(), bytes(text)));
    const Received message = self.receive(in(kPatience));
    ASSERT_TRUE(message);
    EXPECT_EQ(text_of(*message), text);
  }
}

TEST_P(WaitingTest, WakesAReceiverWithEveryWaitingMechanism) {
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

TEST_P(WaitingTest, ReturnsNothingAtTheDeadline) {
  Endpoint inbox = open();
  const Deadline until = in(3ms);
  EXPECT_FALSE(inbox.receive(until));
  EXPECT_TRUE(has_passed(until));
}

TEST_P(WaitingTest, DeliversSilentlyWhenTheSenderWishesSo) {
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

TEST_P(WaitingTest, HoldsTheSenderBackWhenTheCacheIsFullAndDropsNothing) {
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

TEST_P(WaitingTest, RefusesAMessageThatNeverFits) {
  Endpoint inbox = open({.message_cache = Bytes(1024)});
  Endpoint outbox = open();
  const std::vector<std::byte> large(10'000);
  const Sent sent = outbox.send(inbox.address(), large);
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.why(), Error::Kind::message_too_large);
}

TEST_P(WaitingTest, RefusesToSendToNobody) {
  Endpoint outbox = open();
  EXPECT_EQ(outbox.send(Address(), bytes("x")).why(), Error::Kind::closed);
  EXPECT_EQ(outbox.send(Address({.index = 77, .generation = 1}), bytes("x")).why(),
            Error::Kind::closed);
  EXPECT_EQ(outbox.send(Address({.index = 1023, .generation = 1, .node = 63}), bytes("x")).why(),
            Error::Kind::closed);
}

TEST_P(WaitingTest, DoesNotTakeANewEndpointForAClosedOne) {
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

TEST_P(WaitingTest, AnswersClosedAfterClose) {
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

TEST_P(WaitingTest, AnswersClosedOnceTheInterfaceHasGone) {
  Endpoint inbox = open();
  Endpoint outbox = open();
  interface.reset();
  EXPECT_EQ(outbox.send(inbox.address(), {}).why(), Error::Kind::closed);
}

TEST_P(WaitingTest, WakesAReceiverWhenItGoes) {
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

TEST_P(WaitingTest, WakesAReceiverWhoseCacheIsFullOfSilentMessages) {
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

TEST_P(WaitingTest, DeliversWhatWasSentBeforeItsSenderClosed) {
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

TEST_P(WaitingTest, NamesWhatItAcceptsForAnUnknownMechanism) {
  const auto endpoint = interface->open_endpoint({.notify = "lock-table/sleep"});
  ASSERT_FALSE(endpoint);
  EXPECT_EQ(endpoint.error().kind, Error::Kind::invalid);
  EXPECT_NE(endpoint.error().what.find("lock-table/park"), std::string::npos);
}

TEST_P(WaitingTest, RefusesAMechanismOfAnotherRole) {
  EXPECT_EQ(interface->open_endpoint({.notify = "async-branch/safepoint"}).error().kind,
            Error::Kind::invalid);
  Endpoint inbox = open();
  EXPECT_EQ(inbox.on_message([](const Message&) {}, {.mechanism = "kernel/futex"}).error().kind,
            Error::Kind::invalid);
  EXPECT_EQ(inbox.spawn_on_message([](const Message&) {}, {.mechanism = "poll/spin"}).error().kind,
            Error::Kind::invalid);
}

TEST_P(WaitingTest, RefusesCapacitiesThatMakeNoSense) {
  EXPECT_EQ(interface->open_endpoint({.message_cache = Bytes(0)}).error().kind,
            Error::Kind::invalid);
  EXPECT_EQ(interface->open_endpoint({.message_cache = Bytes(~0ULL)}).error().kind,
            Error::Kind::invalid);
}

TEST_P(WaitingTest, ServesManyEndpointsFairly) {
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

TEST_P(WaitingTest, OpensAsManyEndpointsAsItPromisesAndNoMore) {
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

TEST(Interface, NamesWhatItAcceptsForAnUnknownWire) {
  const auto interface = Interface::start({.wire = "string"});
  ASSERT_FALSE(interface);
  EXPECT_EQ(interface.error().kind, Error::Kind::invalid);
  EXPECT_NE(interface.error().what.find("accepted: loopback"), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Drives, WaitingTest, testing::Values(Drive::dedicated, Drive::in_the_call),
                         [](const auto& drive) {
                           return drive.param == Drive::dedicated ? "Dedicated" : "InTheCall";
                         });

}  // namespace
}  // namespace smtni::ni
