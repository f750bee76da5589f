// What endpoints promise that branch a running thread, with both drives.
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "notify/mechanisms.h"
#include "tests/unit/interface_fixture.h"

namespace smtni::ni {
namespace {

using BranchingTest = InterfaceTest;

TEST_P(BranchingTest, BranchesAComputingThreadWithEveryBranchingMechanism) {
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

TEST_P(BranchingTest, LetsAHandlerSendWhateverItInterrupts) {
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

TEST_P(BranchingTest, HoldsBranchesBackInsideItsOwnCalls) {
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

TEST_P(BranchingTest, SurvivesAHandlerThatThrows) {
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

INSTANTIATE_TEST_SUITE_P(Drives, BranchingTest,
                         testing::Values(Drive::dedicated, Drive::in_the_call),
                         [](const auto& drive) {
                           return drive.param == Drive::dedicated ? "Dedicated" : "InTheCall";
                         });

}  // namespace
}  // namespace smtni::ni
