// What notifications fall back on: each fall-back provoked, told by the message's record and
// counted, with both drives.
#include "notify/fallback.h"

#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <thread>
#include <vector>

#include "notify/mechanisms.h"
#include "tests/unit/interface_fixture.h"

namespace smtni::ni {
namespace {

using notify::Fallback;

TEST(Fallback, HasANameForEach) {
  EXPECT_EQ(notify::name_of(Fallback::none), "none");
  EXPECT_EQ(notify::name_of(Fallback::os_told), "os-told");
  EXPECT_EQ(notify::name_of(Fallback::masked), "masked");
  EXPECT_EQ(notify::name_of(Fallback::evicted), "evicted");
  EXPECT_EQ(notify::name_of(Fallback::os_thread), "os-thread");
  EXPECT_EQ(notify::name_of(Fallback::deferred), "deferred");
}

TEST(Fallback, IsExpectedOfNoMechanismThatHasNone) {
  for (const std::string_view name :
       {"poll/spin", "lock-table/spin", "kernel/futex", "spawn/idle-context", "spawn/os-thread"}) {
    auto binding = notify::Binding::open(name);
    ASSERT_TRUE(binding) << name;
    (void)binding->notify(nullptr);
    EXPECT_EQ(binding->expected(), Fallback::none) << name;
    EXPECT_EQ(binding->fallbacks().os_told, 0U) << name;
    EXPECT_EQ(binding->fallbacks().masked, 0U) << name;
    EXPECT_EQ(binding->fallbacks().evicted, 0U) << name;
  }
}

class FallbackTest : public InterfaceTest {
 protected:
  template <class Condition>
  static bool eventually(Condition condition) {
    const Deadline until = in(kPatience);
    while (!condition()) {
      if (has_passed(until)) return false;
      std::this_thread::yield();
    }
    return true;
  }

  // Sends from a thread of its own, and returns when all have been placed: an endpoint's messages
  // leave in order, and one to the sender itself comes last.
  static void send_from_another_thread(Endpoint& outbox, Address to, int messages = 1) {
    std::thread([&] {
      for (int count = 0; count < messages; ++count) send_patiently(outbox, to, {});
      send_patiently(outbox, outbox.address(), {});
      EXPECT_TRUE(outbox.receive(in(kPatience)));
    }).join();
  }
};

TEST_P(FallbackTest, TellsTheSystemWhenTheWaitingThreadIsParked) {
  Endpoint inbox = open({.mechanism = {.spin = Nanoseconds(0)}, .records = true});
  Endpoint outbox = open();
  notify::Binding& binding = inbox.binding();
  for (std::uint64_t round = 1; round <= 3; ++round) {
    std::thread parked([&] {
      const Received message = inbox.receive(in(kPatience));
      ASSERT_TRUE(message);
      EXPECT_EQ(message.record().fallback, Fallback::os_told);
      EXPECT_EQ(message.record().method, "lock-table/park");
    });
    EXPECT_TRUE(eventually([&] { return binding.expected() == Fallback::os_told; }));
    send_patiently(outbox, inbox.address(), {});
    parked.join();
    EXPECT_EQ(inbox.counters().os_told, round);
  }
}

TEST_P(FallbackTest, TellsTheSystemNothingWhenTheReceiverIsAwake) {
  Endpoint inbox = open({.records = true});
  Endpoint outbox = open();
  send_from_another_thread(outbox, inbox.address(), 10);
  for (int count = 0; count < 10; ++count) {
    const Received message = inbox.receive(in(kPatience));
    ASSERT_TRUE(message);
    EXPECT_EQ(message.record().fallback, Fallback::none);
  }
  EXPECT_EQ(inbox.counters().os_told, 0U);
}

TEST_P(FallbackTest, HoldsBranchesBackWhileMasked) {
  Endpoint inbox = open({.records = true});
  Endpoint outbox = open();
  std::vector<Fallback> seen;
  ASSERT_TRUE(inbox.on_message(
      [&](const Message& message) { seen.push_back(inbox.record_of(message).fallback); }));
  inbox.binding().mask();
  send_from_another_thread(outbox, inbox.address(), 2);
  EXPECT_TRUE(seen.empty());
  inbox.binding().unmask();
  EXPECT_EQ(seen, (std::vector{Fallback::masked, Fallback::masked}));
  EXPECT_EQ(inbox.counters().masked, 1U);  // both by one branch

  send_from_another_thread(outbox, inbox.address());
  inbox.safepoint();
  EXPECT_EQ(seen.back(), Fallback::none);
  EXPECT_EQ(seen.size(), 3U);
  inbox.binding().mask();
  inbox.binding().unmask();
  EXPECT_EQ(inbox.counters().masked, 1U);
  inbox.stop_handling();
  EXPECT_EQ(inbox.counters().masked, 1U);  // of a binding of the past
}

TEST_P(FallbackTest, HoldsBranchesBackWhileTheHandlerRuns) {
  Endpoint inbox = open({.records = true});
  Endpoint outbox = open();
  std::vector<Fallback> seen;
  ASSERT_TRUE(inbox.on_message([&](const Message& message) {
    seen.push_back(inbox.record_of(message).fallback);
    if (seen.size() == 1) send_from_another_thread(outbox, inbox.address());
  }));
  send_from_another_thread(outbox, inbox.address());
  inbox.safepoint();
  EXPECT_EQ(seen, (std::vector{Fallback::none, Fallback::masked}));
  EXPECT_EQ(inbox.counters().masked, 1U);
}

// One hardware context, which a computation holds; what becomes of one message by policy.
class EvictionPolicyTest : public FallbackTest {
 protected:
  struct Outcome {
    Fallback fallback = Fallback::none;
    std::string method;
    Counters counts;
  };

  Outcome send_to_an_occupied_context(threads::EvictionPolicy policy, int priority,
                                      bool os_thread_fallback = true) {
    Endpoint inbox = open({.records = true});
    Endpoint outbox = open();
    Outcome outcome;
    std::atomic<int> handled{0};
    const auto bound = inbox.spawn_on_message(
        [&](const Message& message) {
          const NotificationRecord record = inbox.record_of(message);
          outcome.fallback = record.fallback;
          outcome.method = record.method;
          ++handled;
        },
        {.mechanism = "spawn/evict",
         .options = {.eviction = policy, .priority = priority},
         .os_thread_fallback = os_thread_fallback});
    EXPECT_TRUE(bound);
    // Idle at first.
    EXPECT_TRUE(eventually([&] { return inbox.binding().expected() == Fallback::none; }));
    send_patiently(outbox, inbox.address(), {});
    EXPECT_TRUE(eventually([&] { return handled == 1; }));
    EXPECT_EQ(outcome.fallback, Fallback::none);

    occupy(inbox);
    std::thread sender([&] { send_patiently(outbox, inbox.address(), {}); });
    EXPECT_TRUE(eventually([&] { return handled == 2 || inbox.counters().deferred == 1; }));
    may_end = true;
    EXPECT_TRUE(eventually([&] { return handled == 2; }));
    sender.join();
    inbox.stop_handling();
    outcome.counts = inbox.counters();
    return outcome;
  }

 private:
  void occupy(Endpoint& inbox) {
    auto* mechanism = inbox.binding().get_if<notify::EvictContext>();
    ASSERT_NE(mechanism, nullptr);
    may_end = false;
    computes = false;
    const auto background = [](void* self, const void*) {
      auto& test = *static_cast<EvictionPolicyTest*>(self);
      for (; !test.may_end; test.computes = true) notify::EvictContext::safepoint();
    };
    ASSERT_TRUE(mechanism->occupy({background, this, "background"}));
    EXPECT_TRUE(eventually([&] { return computes.load(); }));
    EXPECT_EQ(mechanism->expected(), Fallback::evicted);
  }

  std::atomic<bool> may_end{false};
  std::atomic<bool> computes{false};
};

TEST_P(EvictionPolicyTest, EvictsTheComputationOfALowerPriority) {
  const Outcome outcome = send_to_an_occupied_context(threads::LowestPriority{}, 1);
  EXPECT_EQ(outcome.fallback, Fallback::evicted);
  EXPECT_EQ(outcome.method, "spawn/evict");
  EXPECT_EQ(outcome.counts.evicted, 1U);
  EXPECT_EQ(outcome.counts.os_threads, 0U);
  EXPECT_EQ(outcome.counts.deferred, 0U);
}

TEST_P(EvictionPolicyTest, SparesTheComputationOfAHigherPriority) {
  const Outcome outcome = send_to_an_occupied_context(threads::LowestPriority{}, -1);
  EXPECT_EQ(outcome.fallback, Fallback::os_thread);
  EXPECT_EQ(outcome.method, "spawn/os-thread");
  EXPECT_EQ(outcome.counts.evicted, 0U);
  EXPECT_EQ(outcome.counts.os_threads, 1U);
}

TEST_P(EvictionPolicyTest, EvictsTheOldestWhateverItsPriority) {
  const Outcome outcome = send_to_an_occupied_context(threads::Oldest{}, -1);
  EXPECT_EQ(outcome.fallback, Fallback::evicted);
  EXPECT_EQ(outcome.counts.evicted, 1U);
  EXPECT_EQ(outcome.counts.os_threads, 0U);
}

TEST_P(EvictionPolicyTest, AsksForAThreadWhereThePolicyEvictsNobody) {
  const Outcome outcome = send_to_an_occupied_context(threads::NoEviction{}, 1);
  EXPECT_EQ(outcome.fallback, Fallback::os_thread);
  EXPECT_EQ(outcome.counts.evicted, 0U);
  EXPECT_EQ(outcome.counts.os_threads, 1U);
}

TEST_P(EvictionPolicyTest, DefersWhereNobodyIsEvictedAndNoThreadAskedFor) {
  const Outcome outcome = send_to_an_occupied_context(threads::NoEviction{}, 1, false);
  EXPECT_EQ(outcome.fallback, Fallback::deferred);
  EXPECT_EQ(outcome.method, "spawn/evict");
  EXPECT_EQ(outcome.counts.evicted, 0U);
  EXPECT_EQ(outcome.counts.os_threads, 0U);
  EXPECT_EQ(outcome.counts.deferred, 1U);
}

// Three messages for one context, whose entry holds it until all have been placed.
class ContextTest : public FallbackTest {
 protected:
  void SetUp() override {
    FallbackTest::SetUp();
    inbox.emplace(open({.records = true}));
    outbox.emplace(open());
  }

  void spawn_for_three(bool os_thread_fallback) {
    ASSERT_TRUE(inbox->spawn_on_message(
        [this](const Message& message) {
          seen[message.info.type_id] = inbox->record_of(message).fallback;
          ++begun;
          const Deadline until = in(kPatience);
          while (!may_end && !has_passed(until)) std::this_thread::yield();
        },
        {.os_thread_fallback = os_thread_fallback}));
    for (std::uint32_t id = 0; id < 3; ++id) {
      send_patiently(*outbox, inbox->address(), {}, {.type_id = id});
    }
    EXPECT_TRUE(eventually([&] { return inbox->counters().placed == 3; }));
  }

  std::optional<Endpoint> inbox;
  std::optional<Endpoint> outbox;
  std::vector<Fallback> seen = std::vector<Fallback>(3, Fallback::masked);
  std::atomic<int> begun{0};
  std::atomic<bool> may_end{false};
};

TEST_P(ContextTest, AsksForAThreadForEachMessageThatFindsNone) {
  spawn_for_three(true);
  EXPECT_TRUE(eventually([&] { return begun == 3; }));
  may_end = true;
  inbox->stop_handling();
  EXPECT_EQ(seen, (std::vector{Fallback::none, Fallback::os_thread, Fallback::os_thread}));
  EXPECT_EQ(inbox->counters().os_threads, 2U);
  EXPECT_EQ(inbox->counters().deferred, 0U);
}

TEST_P(ContextTest, DefersEachMessageThatFindsNoneAndMayNotAskForAThread) {
  spawn_for_three(false);
  EXPECT_TRUE(eventually([&] { return begun == 1; }));
  may_end = true;
  EXPECT_TRUE(eventually([&] { return begun == 3; }));
  inbox->stop_handling();
  EXPECT_EQ(seen, (std::vector{Fallback::none, Fallback::deferred, Fallback::deferred}));
  EXPECT_EQ(inbox->counters().deferred, 2U);
  EXPECT_EQ(inbox->counters().os_threads, 0U);
}

std::string name_of_drive(const testing::TestParamInfo<Drive>& drive) {
  return drive.param == Drive::dedicated ? "Dedicated" : "InTheCall";
}

const auto kDrives = testing::Values(Drive::dedicated, Drive::in_the_call);
INSTANTIATE_TEST_SUITE_P(Drives, FallbackTest, kDrives, name_of_drive);
INSTANTIATE_TEST_SUITE_P(Drives, EvictionPolicyTest, kDrives, name_of_drive);
INSTANTIATE_TEST_SUITE_P(Drives, ContextTest, kDrives, name_of_drive);

}  // namespace
}  // namespace smtni::ni
