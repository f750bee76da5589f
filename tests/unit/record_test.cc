// What the records of messages tell, with both drives and every role.
#include "ni/record.h"

#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "core/tsc_clock.h"
#include "ni/active_message.h"
#include "ni/internal/records.h"
#include "notify/mechanisms.h"
#include "tests/unit/interface_fixture.h"

namespace smtni::ni {
namespace {

using RecordTest = InterfaceTest;

// What a handler or a context saw of one message, at once.
struct Seen {
  std::string method;
  notify::Fallback fallback = notify::Fallback::none;
  bool is_right = false;
};

// Messages here have their type_id as their payload.
Seen look(const NotificationRecord& record, Address source, TscInstant begin) {
  std::uint32_t payload = 0;
  if (record.place.size() == sizeof payload) {
    std::memcpy(&payload, record.place.data(), sizeof payload);
  }
  return {std::string(record.method), record.fallback,
          record.source == source && record.type_id == payload &&
              record.user_data == 2 * std::uint64_t{payload} && record.arrival > begin &&
              record.arrival < TscClock::end()};
}

std::span<const std::byte> payload_of(const std::uint32_t& id) {
  return std::as_bytes(std::span<const std::uint32_t, 1>(&id, 1));
}

TEST_P(RecordTest, TellsWhatCameWhenAndHow) {
  Endpoint inbox = open({.notify = "poll/yield", .records = true});
  Endpoint outbox = open();
  const TscInstant before = TscClock::begin();
  ASSERT_TRUE(outbox.send(inbox.address(), bytes("hello"), {.type_id = 7, .user_data = 9}));
  const Received message = inbox.receive(in(kPatience));
  const TscInstant after = TscClock::end();
  ASSERT_TRUE(message);
  const NotificationRecord record = message.record();
  EXPECT_EQ(record.source, outbox.address());
  EXPECT_EQ(record.type_id, 7U);
  EXPECT_EQ(record.user_data, 9U);
  EXPECT_EQ(record.place.data(), message->payload.data());
  EXPECT_EQ(record.place.size(), 5U);
  EXPECT_GT(record.arrival, before);
  EXPECT_LT(record.arrival, after);
  EXPECT_EQ(record.method, "poll/yield");
  EXPECT_EQ(record.fallback, notify::Fallback::none);
}

TEST_P(RecordTest, NamesNoMethodForASilentMessage) {
  Endpoint inbox = open({.records = true});
  Endpoint outbox = open();
  ASSERT_TRUE(outbox.send(inbox.address(), {}, {.notify = false}));
  const Deadline until = in(kPatience);
  Received message = inbox.try_receive();
  while (!message && !has_passed(until)) message = inbox.try_receive();
  ASSERT_TRUE(message);
  EXPECT_EQ(message.record().method, "");
  EXPECT_GT(message.record().arrival, TscInstant());
}

TEST_P(RecordTest, TellsOnlyWhatCameUnlessAskedForMore) {
  Endpoint inbox = open();
  Endpoint outbox = open();
  ASSERT_TRUE(outbox.send(inbox.address(), bytes("hello"), {.type_id = 7, .user_data = 9}));
  const Received message = inbox.receive(in(kPatience));
  ASSERT_TRUE(message);
  const NotificationRecord record = message.record();
  EXPECT_EQ(record.source, outbox.address());
  EXPECT_EQ(record.type_id, 7U);
  EXPECT_EQ(record.user_data, 9U);
  EXPECT_EQ(record.place.size(), 5U);
  EXPECT_EQ(record.arrival, TscInstant());
  EXPECT_EQ(record.method, "");
  EXPECT_EQ(record.fallback, notify::Fallback::none);
}

// 16 lines, messages of 1 to 8 of them, up to 4 out at once: every place of the ring begins a
// message and is skipped, many times. A record that belonged to another message would have its time
// or, every other time, its method.
TEST_P(RecordTest, BelongsToItsMessageHoweverOftenTheCacheWraps) {
  constexpr std::uint32_t kMessages = 10'000;
  const std::uint32_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Endpoint inbox = open({.message_cache = Bytes(1024), .notify = "poll/yield", .records = true});
  Endpoint outbox = open();
  std::thread sender([&] {
    std::minstd_rand random(seed);
    std::vector<std::byte> payload(448);
    for (std::uint32_t id = 0; id < kMessages; ++id) {
      const std::size_t size = random() % 4 == 0 ? random() % 449 : random() % 33;
      send_patiently(outbox, inbox.address(), std::span(payload).first(size),
                     {.type_id = id, .notify = id % 2 == 0});
    }
  });
  std::deque<Received> out;
  TscInstant latest;
  std::uint32_t received = 0;
  std::uint32_t wrong = 0;
  const Deadline until = in(kPatience);
  while (received < kMessages && !has_passed(until)) {
    // What is kept may be all that fills the cache.
    Received message = inbox.receive(in(out.empty() ? 100ms : 0ms));
    if (!message) {
      out.clear();
      continue;
    }
    const NotificationRecord record = message.record();
    const std::string_view method = received % 2 == 0 ? "poll/yield" : "";
    wrong += record.type_id != received || record.method != method || record.arrival <= latest;
    latest = record.arrival;
    ++received;
    out.push_back(std::move(message));
    if (out.size() > 4) out.pop_front();
  }
  out.clear();
  sender.join();
  EXPECT_EQ(received, kMessages);
  EXPECT_EQ(wrong, 0U);
}

TEST_P(RecordTest, StaysWhileLaterMessagesPassAndTheCacheIsFull) {
  Endpoint inbox = open({.message_cache = Bytes(1024), .notify = "poll/yield", .records = true});
  Endpoint outbox = open();
  ASSERT_TRUE(outbox.send(inbox.address(), bytes("kept"), {.notify = false}));
  const Deadline until = in(kPatience);
  Received kept = inbox.try_receive();
  while (!kept && !has_passed(until)) kept = inbox.try_receive();
  ASSERT_TRUE(kept);
  const NotificationRecord first = kept.record();
  for (int count = 0; count < 15; ++count) send_patiently(outbox, inbox.address(), {});
  (void)outbox.send(inbox.address(), {});  // finds no room, here or at the NI
  while (inbox.counters().held_back == 0 && !has_passed(until)) std::this_thread::yield();
  for (int count = 0; count < 15; ++count) EXPECT_TRUE(inbox.receive(in(kPatience)));
  const NotificationRecord last = kept.record();
  EXPECT_EQ(last.arrival, first.arrival);
  EXPECT_EQ(last.method, "");
  EXPECT_EQ(text_of(*kept), "kept");
}

TEST_P(RecordTest, IsCompleteWhenABranchRuns) {
  for (const auto& info : notify::all_mechanism_infos()) {
    if (info.role != notify::Role::branches) continue;
    Endpoint inbox = open({.records = true});
    Endpoint outbox = open();
    const TscInstant begin = TscClock::begin();
    std::atomic<std::uint32_t> count{0};
    std::uint32_t wrong = 0;
    const auto bound = inbox.on_message(
        [&](const Message& message) {
          const Seen seen = look(inbox.record_of(message), outbox.address(), begin);
          wrong += !seen.is_right || seen.method != info.name;
          count.fetch_add(1, std::memory_order_release);
        },
        {.mechanism = info.name});
    if (!bound) continue;  // the contract suite reports it
    std::thread sender([&] {
      for (std::uint32_t id = 0; id < 50; ++id) {
        send_patiently(outbox, inbox.address(), payload_of(id),
                       {.type_id = id, .user_data = 2 * std::uint64_t{id}});
        std::this_thread::sleep_for(50us);
      }
    });
    threads::Chain chain;
    const Deadline until = in(kPatience);
    while (count.load(std::memory_order_acquire) < 50 && !has_passed(until)) {
      inbox.binding().compute(chain);
    }
    sender.join();
    inbox.stop_handling();
    EXPECT_EQ(count.load(), 50U) << info.name;
    EXPECT_EQ(wrong, 0U) << info.name;
  }
}

// In plain entries and in active messages; with a fall-back, which the record tells.
TEST_P(RecordTest, IsCompleteWhenAContextStarts) {
  for (const auto& info : notify::all_mechanism_infos()) {
    if (info.role != notify::Role::spawns) continue;
    Endpoint inbox = open({.message_cache = Bytes(4096), .records = true});
    Endpoint outbox = open();
    constexpr std::uint32_t kMessages = 300;
    const TscInstant begin = TscClock::begin();
    std::vector<Seen> seen(kMessages);
    std::atomic<std::uint32_t> total{0};
    const ActiveHandlers handlers([&](ActiveMessage& message) {
      seen[message->info.type_id] = look(message.record(), outbox.address(), begin);
      ++total;
    });
    ASSERT_TRUE(inbox.spawn_on_message(
        [&](const Message& message) {
          seen[message.info.type_id] = look(inbox.record_of(message), outbox.address(), begin);
          ++total;
        },
        {.mechanism = info.name}));
    const Deadline until = in(kPatience);
    const auto wait_for = [&](std::uint32_t many) {
      while (total < many && !has_passed(until)) std::this_thread::yield();
    };
    for (std::uint32_t id = 0; id < kMessages; ++id) {
      if (id == kMessages / 2) {
        wait_for(kMessages / 2);
        ASSERT_TRUE(inbox.spawn_on_message(handlers, {.mechanism = info.name}));
      }
      send_patiently(outbox, inbox.address(), payload_of(id),
                     {.type_id = id, .user_data = 2 * std::uint64_t{id}});
    }
    wait_for(kMessages);
    inbox.stop_handling();
    std::uint32_t of_threads = 0;
    std::uint32_t deferred = 0;
    for (const Seen& one : seen) {
      EXPECT_TRUE(one.is_right) << info.name;
      of_threads += one.fallback == notify::Fallback::os_thread;
      deferred += one.fallback == notify::Fallback::deferred;
      EXPECT_EQ(one.method,
                one.fallback == notify::Fallback::os_thread ? "spawn/os-thread" : info.name);
    }
    EXPECT_EQ(of_threads, inbox.counters().os_threads) << info.name;
    EXPECT_LE(deferred, inbox.counters().deferred) << info.name;  // a thread may come after all
  }
}

TEST_P(RecordTest, ComesWithAnActiveMessageThatIsServedAndWithOneThatIsKept) {
  Endpoint inbox = open({.notify = "poll/yield", .records = true});
  Endpoint outbox = open();
  std::vector<NotificationRecord> served;
  std::vector<Received> kept;
  const ActiveHandlers handlers([&](ActiveMessage& message) {
    served.push_back(message.record());
    kept.push_back(message.keep());
  });
  for (std::uint32_t id = 0; id < 20; ++id) {
    send_patiently(outbox, inbox.address(), {}, {.type_id = id});
  }
  const Deadline until = in(kPatience);
  while (served.size() < 20 && !has_passed(until)) (void)inbox.serve(handlers, until);
  ASSERT_EQ(served.size(), 20U);
  for (std::uint32_t id = 0; id < 20; ++id) {
    EXPECT_EQ(served[id].type_id, id);
    EXPECT_EQ(served[id].method, "poll/yield");
    EXPECT_EQ(kept[id].record().arrival, served[id].arrival);
    EXPECT_GT(served[id].arrival, id > 0 ? served[id - 1].arrival : TscInstant());
  }
}

TEST(Records, AreCorrectedWhereTheNotificationComesOtherwiseThanExpected) {
  auto binding =
      notify::Binding::open("lock-table/park", {.spin = Nanoseconds(0), .context_cpus = {}});
  ASSERT_TRUE(binding);
  Records records;
  records.configure(16);
  const Message message{.payload = {}, .info = {}, .position = 3};
  const auto is_parked = [&] { return binding->expected() == notify::Fallback::os_told; };
  std::atomic<bool> may_end{false};
  const auto news = [&]() noexcept { return may_end.load(); };

  records.write(3, &*binding);
  EXPECT_EQ(records.read(message).fallback, notify::Fallback::none);
  std::thread waiter([&] { (void)binding->wait(news, in(kPatience)); });
  const Deadline until = in(kPatience);
  while (!is_parked() && !has_passed(until)) std::this_thread::yield();
  may_end = true;
  notify::FallbackCounts before = binding->fallbacks();
  (void)binding->notify(nullptr);
  records.correct(3, before, *binding);
  EXPECT_EQ(records.read(message).fallback, notify::Fallback::os_told);

  waiter.join();
  before = binding->fallbacks();
  (void)binding->notify(nullptr);
  records.correct(3, before, *binding);
  EXPECT_EQ(records.read(message).fallback, notify::Fallback::none);
}

INSTANTIATE_TEST_SUITE_P(Drives, RecordTest, testing::Values(Drive::dedicated, Drive::in_the_call),
                         [](const auto& drive) {
                           return drive.param == Drive::dedicated ? "Dedicated" : "InTheCall";
                         });

}  // namespace
}  // namespace smtni::ni
