// Messages that name their handlers, with both drives: dispatched from the wait, by a branch, and
// in spawned contexts.
#include "ni/active_message.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "tests/unit/interface_fixture.h"

namespace smtni::ni {
namespace {

constexpr std::uint16_t kAdd = 1;
constexpr std::uint16_t kEcho = 2;

class ActiveMessageTest : public InterfaceTest {
 protected:
  static ActiveHandlers table() {
    return ActiveHandlers([](ActiveMessage&) { FAIL() << "no handler was to be missing"; });
  }
};

TEST_P(ActiveMessageTest, RunsTheHandlerThatAMessageNamesStraightFromTheWait) {
  Endpoint inbox = open();
  Endpoint outbox = open();
  std::uint64_t sum = 0;
  std::vector<std::string> others;
  ActiveHandlers handlers([&](ActiveMessage& message) { others.push_back(text_of(*message)); });
  ASSERT_TRUE(handlers.add(kAdd, "add", [&](ActiveMessage& message) {
    sum += message->info.user_data;
    EXPECT_EQ(message.origin(), outbox.address());
  }));
  for (std::uint64_t value = 1; value <= 100; ++value) {
    send_patiently(outbox, inbox.address(), {}, {.user_data = value, .handler = kAdd});
  }
  send_patiently(outbox, inbox.address(), bytes("plain"));
  send_patiently(outbox, inbox.address(), bytes("unknown"), {.handler = 77});
  std::size_t served = 0;
  const Deadline until = in(kPatience);
  while (served < 102 && !has_passed(until)) served += inbox.serve(handlers, until);
  EXPECT_EQ(served, 102U);
  EXPECT_EQ(sum, 5050U);
  EXPECT_EQ(others, (std::vector<std::string>{"plain", "unknown"}));
}

TEST_P(ActiveMessageTest, ServesNothingAtTheDeadline) {
  Endpoint inbox = open();
  const ActiveHandlers handlers = table();
  const Deadline until = in(3ms);
  EXPECT_EQ(inbox.serve(handlers, until), 0U);
  EXPECT_TRUE(has_passed(until));
}

TEST_P(ActiveMessageTest, LetsAHandlerReplyAndSendFurther) {
  Endpoint server = open();
  Endpoint client = open();
  Endpoint third = open();
  ActiveHandlers handlers = table();
  ASSERT_TRUE(handlers.add(kEcho, "echo", [&](ActiveMessage& message) {
    EXPECT_TRUE(message.reply(message->payload, {.user_data = message->info.user_data + 1}));
    EXPECT_TRUE(message.send(third.address(), bytes("told")));
  }));
  ASSERT_TRUE(client.send(server.address(), bytes("ping"), {.user_data = 41, .handler = kEcho}));
  ASSERT_EQ(server.serve(handlers, in(kPatience)), 1U);
  const Received reply = client.receive(in(kPatience));
  ASSERT_TRUE(reply);
  EXPECT_EQ(text_of(*reply), "ping");
  EXPECT_EQ(reply->info.user_data, 42U);
  EXPECT_EQ(reply.origin(), server.address());
  EXPECT_EQ(text_of(*third.receive(in(kPatience))), "told");
}

// The kept message lies in the cache, untouched, while later ones come and go; their room comes
// back only once it is given back.
TEST_P(ActiveMessageTest, LetsAHandlerKeepItsBuffer) {
  Endpoint inbox = open({.message_cache = Bytes(1024)});  // 16 lines
  Endpoint outbox = open();
  std::vector<Received> kept;
  std::size_t handled = 0;
  ActiveHandlers handlers = table();
  ASSERT_TRUE(handlers.add(kAdd, "keep the first", [&](ActiveMessage& message) {
    if (++handled == 1) kept.push_back(message.keep());
  }));
  const Deadline until = in(kPatience);
  send_patiently(outbox, inbox.address(), bytes("kept"), {.handler = kAdd});
  for (int number = 0; number < 15; ++number) {
    send_patiently(outbox, inbox.address(), bytes("passing"), {.handler = kAdd});
  }
  while (handled < 16 && !has_passed(until)) inbox.serve(handlers, until);
  ASSERT_EQ(handled, 16U);
  ASSERT_TRUE(outbox.send(outbox.address(), {}));  // the NI has nothing left to do for `inbox`
  ASSERT_TRUE(outbox.receive(until));
  EXPECT_EQ(text_of(*kept.front()), "kept");
  // 16 messages lie in the cache yet, so nothing new comes in.
  (void)outbox.send(inbox.address(), bytes("late"), {.handler = kAdd});
  EXPECT_EQ(inbox.serve(handlers, in(10ms)), 0U);

  kept.clear();
  while (handled < 17 && !has_passed(until)) {
    (void)outbox.send(inbox.address(), bytes("late"), {.handler = kAdd});
    inbox.serve(handlers, in(10ms));
  }
  EXPECT_GE(handled, 17U);
}

TEST_P(ActiveMessageTest, GivesBackInTheOrderOfArrivalWhateverTheOrderOfTheReceiver) {
  Endpoint inbox = open({.message_cache = Bytes(1024)});
  Endpoint outbox = open({.send_buffer = Bytes(1024)});
  const Deadline until = in(kPatience);
  std::uint64_t sent = 0;
  std::uint64_t received = 0;
  std::vector<Received> out;
  while (received < 5000) {
    ASSERT_FALSE(has_passed(until));
    if (outbox.send(inbox.address(), {}, {.user_data = sent})) ++sent;
    if (Received message = inbox.try_receive()) {
      ASSERT_EQ(message->info.user_data, received);
      ++received;
      out.push_back(std::move(message));
    }
    if (out.size() == 7) {  // of sixteen lines
      for (std::size_t first : {3U, 0U, 5U, 1U, 6U, 4U, 2U}) {
        EXPECT_EQ(out[first]->info.user_data, received - 7 + first);
        out[first] = Received();
      }
      out.clear();
    }
  }
  out.clear();
}

TEST_P(ActiveMessageTest, BoundsTheNestingOfHandlers) {
  Endpoint self = open();
  int depth = 0;
  int deepest = 0;
  ActiveHandlers handlers = table();
  ASSERT_TRUE(handlers.add(kAdd, "nest", [&](ActiveMessage& message) {
    deepest = std::max(deepest, ++depth);
    EXPECT_TRUE(message.reply({}, {.handler = kAdd}));
    self.serve(handlers, in(depth < Endpoint::kMaxNesting ? kPatience : 1ms));
    --depth;
  }));
  ASSERT_TRUE(self.send(self.address(), {}, {.handler = kAdd}));
  EXPECT_GE(self.serve(handlers, in(kPatience)), 1U);
  EXPECT_EQ(deepest, Endpoint::kMaxNesting);
}

TEST_P(ActiveMessageTest, BranchesToTheHandlerThatAMessageNames) {
  Endpoint inbox = open();
  Endpoint outbox = open();
  std::vector<Received> kept;
  ActiveHandlers handlers = table();
  ASSERT_TRUE(handlers.add(kAdd, "keep", [&](ActiveMessage& message) {
    EXPECT_TRUE(message.reply(bytes("taken")));
    kept.push_back(message.keep());
  }));
  ASSERT_TRUE(inbox.on_message(handlers));
  ASSERT_TRUE(outbox.send(inbox.address(), bytes("branch"), {.handler = kAdd}));
  const Deadline until = in(kPatience);
  while (kept.empty() && !has_passed(until)) inbox.safepoint();
  inbox.stop_handling();
  ASSERT_EQ(kept.size(), 1U);
  EXPECT_EQ(text_of(*kept.front()), "branch");
  EXPECT_EQ(text_of(*outbox.receive(until)), "taken");
  kept.clear();
}

// Contexts on two hardware contexts answer at once through the one endpoint.
TEST_P(ActiveMessageTest, StartsContextsAtTheHandlerThatAMessageNames) {
  constexpr std::uint64_t kRequests = 500;
  Endpoint server = open();
  Endpoint client = open();
  ActiveHandlers handlers = table();
  ASSERT_TRUE(handlers.add(kEcho, "echo", [&](ActiveMessage& message) {
    const Deadline until = in(kPatience);
    while (!message.reply({}, {.user_data = message->info.user_data}) && !has_passed(until)) {
      std::this_thread::yield();
    }
  }));
  ASSERT_TRUE(server.spawn_on_message(handlers, {.options = {.context_cpus = {0, 0}}}));
  std::uint64_t sent = 0;
  std::uint64_t sum = 0;
  const Deadline until = in(kPatience);
  for (std::uint64_t answered = 0; answered < kRequests && !has_passed(until);) {
    if (sent < kRequests &&
        client.send(server.address(), {}, {.user_data = sent, .handler = kEcho})) {
      ++sent;
    }
    if (const Received reply = client.try_receive()) {
      sum += reply->info.user_data;
      ++answered;
    } else {
      std::this_thread::yield();
    }
  }
  server.stop_handling();
  EXPECT_EQ(sum, kRequests * (kRequests - 1) / 2);
}

TEST_P(ActiveMessageTest, ReportsAHandlerThatThrowsByItsName) {
  Endpoint self = open();
  ActiveHandlers handlers = table();
  ASSERT_TRUE(handlers.add(kAdd, "clumsy", [](ActiveMessage&) { throw std::runtime_error("no"); }));
  ASSERT_TRUE(self.send(self.address(), {}, {.handler = kAdd}));
  testing::internal::CaptureStderr();
  EXPECT_EQ(self.serve(handlers, in(kPatience)), 1U);
  const std::string report = testing::internal::GetCapturedStderr();
  EXPECT_NE(report.find("handler 'clumsy' threw: no"), std::string::npos) << report;
}

TEST(ActiveHandlers, RefusesNumbersThatMakeNoSense) {
  ActiveHandlers handlers([](ActiveMessage&) {});
  const ActiveHandler nothing = [](ActiveMessage&) {};
  EXPECT_EQ(handlers.add(0, "zero", nothing).error().kind, Error::Kind::invalid);
  EXPECT_EQ(handlers.add(1025, "large", nothing).error().kind, Error::Kind::invalid);
  EXPECT_TRUE(handlers.add(1024, "last", nothing));
  EXPECT_NE(handlers.add(1024, "again", nothing).error().what.find("'last' already"),
            std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Drives, ActiveMessageTest,
                         testing::Values(Drive::dedicated, Drive::in_the_call),
                         [](const auto& drive) {
                           return drive.param == Drive::dedicated ? "Dedicated" : "InTheCall";
                         });

}  // namespace
}  // namespace smtni::ni
