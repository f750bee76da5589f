#include "notify/adaptive.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <string_view>
#include <thread>

namespace smtni::notify {
namespace {

using namespace std::chrono_literals;

static_assert(WaitMechanism<Adaptive>);

constexpr auto kPatience = 30s;

bool never() noexcept { return false; }
bool always() noexcept { return true; }

class AdaptiveTest : public testing::Test {
 protected:
  std::unique_ptr<Adaptive> adaptive_ = *Adaptive::open({});
};

TEST_F(AdaptiveTest, CountsNothingWhenThereIsNewsAlready) {
  EXPECT_EQ(adaptive_->wait(always, in(kPatience)), Wake::news);
  EXPECT_EQ(adaptive_->counts().spins_that_met, 0U);
  EXPECT_EQ(adaptive_->counts().parks, 0U);
}

TEST_F(AdaptiveTest, ParksAtOnceInItsFirstWait) {
  EXPECT_EQ(adaptive_->counts().limit, TscCycles(0));
  const Deadline until = in(20ms);
  EXPECT_EQ(adaptive_->wait(never, until), Wake::timed_out);
  EXPECT_TRUE(has_passed(until));
  EXPECT_EQ(adaptive_->counts().parks, 1U);
  EXPECT_EQ(adaptive_->counts().spins_that_met, 0U);
}

TEST_F(AdaptiveTest, LearnsNothingFromADeadlineThatHasPassed) {
  EXPECT_EQ(adaptive_->wait(never, in(0ns)), Wake::timed_out);
  EXPECT_EQ(adaptive_->counts().parks, 0U);
  EXPECT_EQ(adaptive_->counts().limit, TscCycles(0));
}

TEST_F(AdaptiveTest, SpinsOnceGapsHaveBeenShort) {
  const Deadline until = in(kPatience);
  while (adaptive_->counts().spins_that_met == 0 && !has_passed(until)) {
    int looks = 0;
    const auto soon = [&looks]() noexcept { return ++looks > 2; };
    ASSERT_EQ(adaptive_->wait(soon, until), Wake::news);
  }
  EXPECT_GT(adaptive_->counts().spins_that_met, 0U);
}

TEST_F(AdaptiveTest, KeepsParkingWhileNothingComes) {
  for (int wait = 0; wait < 8; ++wait) {
    ASSERT_EQ(adaptive_->wait(never, in(20ms)), Wake::timed_out);
  }
  EXPECT_EQ(adaptive_->counts().parks, 8U);
  EXPECT_EQ(adaptive_->counts().limit, TscCycles(0));
}

TEST_F(AdaptiveTest, MeasuresWhatAParkCosts) {
  const Deadline until = in(kPatience);
  std::atomic<int> published{0};
  std::atomic<bool> is_over{false};
  std::thread notifier([&] {
    while (!is_over.load()) {
      std::this_thread::sleep_for(2ms);
      published.fetch_add(1);
      adaptive_->notify(nullptr);
    }
  });
  for (int seen = 0; adaptive_->counts().parks_measured < 3 && !has_passed(until);) {
    EXPECT_EQ(adaptive_->wait([&]() noexcept { return published.load() > seen; }, until),
              Wake::news);
    seen = published.load();
  }
  is_over.store(true);
  notifier.join();
  EXPECT_GE(adaptive_->counts().parks_measured, 3U);
  EXPECT_NE(adaptive_->counts().park_cost, Adaptive::kSupposedParkCost);
}

TEST_F(AdaptiveTest, NamesItsCounts) {
  std::map<std::string_view, std::uint64_t> named;
  adaptive_->counts().for_each(
      [&named](std::string_view name, std::uint64_t count) { named[name] = count; });
  EXPECT_EQ(named, (std::map<std::string_view, std::uint64_t>{{"spins_that_met", 0},
                                                              {"parks", 0},
                                                              {"parks_measured", 0},
                                                              {"spin_limit_cycles", 0},
                                                              {"park_cost_cycles", 50'000}}));
}

}  // namespace
}  // namespace smtni::notify
