// The code that CONTRIBUTING.md shows keeps the promises that it is shown for.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "examples/contributing/clock_reading.h"
#include "examples/contributing/semaphore.h"
#include "examples/contributing/store_and_forward_wire.h"

namespace smtni {
namespace {

using namespace std::chrono_literals;

// Far beyond any honest wait: who reaches it has lost a wake-up.
constexpr auto kPatience = 30s;

class ContributedMechanism : public testing::Test {
 protected:
  void SetUp() override {
    auto opened = notify::Semaphore::open({});
    ASSERT_TRUE(opened.has_value()) << opened.error().what;
    mechanism_ = std::move(*opened);
  }
  bool has_news() const noexcept {
    return published_.load(std::memory_order_relaxed) > seen_;  // ordered by the mechanism alone
  }
  void publish_and_notify() noexcept {
    published_.store(published_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    mechanism_->notify(nullptr);
  }
  notify::Wake wait(Deadline until) noexcept {
    return mechanism_->wait([this]() noexcept { return has_news(); }, until);
  }

  std::unique_ptr<notify::Semaphore> mechanism_;
  std::atomic<int> published_{0};
  int seen_ = 0;
};

TEST_F(ContributedMechanism, WakesASleeper) {
  std::thread notifier([this] {
    std::this_thread::sleep_for(20ms);
    publish_and_notify();
  });
  EXPECT_EQ(wait(in(kPatience)), notify::Wake::news);
  notifier.join();
}

TEST_F(ContributedMechanism, ReturnsAtTheDeadlineAndNotBefore) {
  const Deadline until = in(20ms);
  EXPECT_EQ(wait(until), notify::Wake::timed_out);
  EXPECT_TRUE(has_passed(until));
}

TEST_F(ContributedMechanism, ComesBackAtOnceForNewsThatCameBeforeTheWait) {
  publish_and_notify();
  EXPECT_EQ(wait(Deadline{}), notify::Wake::news);
}

TEST_F(ContributedMechanism, CoalescesAndThenStillSleeps) {
  for (int i = 0; i < 1000; ++i) publish_and_notify();
  EXPECT_EQ(wait(in(kPatience)), notify::Wake::news);
  seen_ = 1000;
  EXPECT_EQ(wait(in(20ms)), notify::Wake::timed_out);
}

// Shows lost wake-ups that are not too rare; that there are none is for a model to show.
TEST_F(ContributedMechanism, NeverLosesTheLastMessage) {
  constexpr int kRounds = 20'000;
  std::atomic<int> taken{0};
  std::thread notifier([&] {
    for (int round = 1; round <= kRounds; ++round) {
      publish_and_notify();
      while (taken.load(std::memory_order_acquire) < round) std::this_thread::yield();
    }
  });
  int lost = 0;
  while (seen_ < kRounds) {
    if (wait(in(kPatience)) == notify::Wake::timed_out) ++lost;
    seen_ = published_.load(std::memory_order_relaxed);
    taken.store(seen_, std::memory_order_release);
  }
  notifier.join();
  EXPECT_EQ(lost, 0);
}

TEST(ContributedExperiment, GivesARowWithItsFigure) {
  const auto clock = TscClock::calibrate();
  if (!clock) GTEST_SKIP() << clock.error().what;
  experiments::Progress progress({.wanted = false});
  const experiments::Request request{
      .mechanisms = {},
      .placements = {{.name = "same-cpu", .cpus = {}}},
      .effort = experiments::kClockReading.smoke,
      .seed = 1,
      .own = {},
      .clock = *clock,
      .stop = {},
      .progress = &progress,
  };
  const auto findings = experiments::kClockReading.run(request);
  ASSERT_TRUE(findings.has_value()) << findings.error().what;
  ASSERT_EQ(findings->rows.size(), 1U);
  EXPECT_TRUE(experiments::find_number(findings->rows[0].figures, "reading_ns.low").has_value());
}

// A target whose message cache has room for one message.
class OneMessage final : public ni::Arrivals {
 public:
  ni::Placed place(const ni::Packet& packet) noexcept override {
    if (!body.empty()) return ni::Placed::would_block;
    body.assign(packet.payload.begin(), packet.payload.end());
    return ni::Placed::yes;
  }
  std::vector<std::byte> body;
};

TEST(ContributedWire, KeepsWhatTheTargetHasNoRoomFor) {
  ni::StoreAndForwardWire wire;
  OneMessage target;
  std::vector<std::byte> payload(100, std::byte{1});
  const ni::Packet packet{.origin = {}, .target = {}, .payload = payload};

  ASSERT_EQ(wire.transmit(packet, target), ni::Placed::yes);
  EXPECT_TRUE(wire.deliver(target));
  payload.assign(100, std::byte{2});
  ASSERT_EQ(wire.transmit(packet, target), ni::Placed::yes);
  EXPECT_EQ(wire.transmit(packet, target), ni::Placed::would_block);
  payload.assign(100, std::byte{3});  // the sender's again, once transmit() has returned
  EXPECT_FALSE(wire.deliver(target));

  EXPECT_EQ(target.body, std::vector<std::byte>(100, std::byte{1}));
  target.body.clear();
  EXPECT_TRUE(wire.deliver(target));
  EXPECT_EQ(target.body, std::vector<std::byte>(100, std::byte{2}));
  EXPECT_FALSE(wire.deliver(target));
}

TEST(ContributedWire, RefusesWhatWillNeverFit) {
  ni::StoreAndForwardWire wire;
  OneMessage target;
  const std::vector<std::byte> payload(ni::StoreAndForwardWire::kLargestPayload + 1);
  EXPECT_EQ(wire.transmit({.origin = {}, .target = {}, .payload = payload}, target),
            ni::Placed::too_large);
}

}  // namespace
}  // namespace smtni
