#include "notify/lock_table.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "notify/internal/umwait.h"
#include "notify/lock_table_mechanisms.h"

namespace smtni::notify {
namespace {

using namespace std::chrono_literals;

static_assert(WaitMechanism<LockSpin>);
static_assert(WaitMechanism<LockPause>);
static_assert(WaitMechanism<LockUmwait>);
static_assert(WaitMechanism<LockPark>);

constexpr auto kPatience = 20s;

bool never() noexcept { return false; }
bool always() noexcept { return true; }

class LockTableWaiting : public testing::TestWithParam<Waiting> {
 protected:
  void SetUp() override {
    const Result<LockTable::Lock> lock = table_.allocate(GetParam());
    if (!lock) {
      ASSERT_EQ(lock.error().kind, Error::Kind::unsupported);
      GTEST_SKIP() << lock.error().what;
    }
    lock_ = *lock;
  }

  LockTable table_{3};
  std::optional<LockTable::Lock> lock_;
};

TEST_P(LockTableWaiting, AcquiresOnceUntilReleased) {
  EXPECT_TRUE(LockTable::try_acquire(*lock_));
  EXPECT_FALSE(LockTable::try_acquire(*lock_));
  LockTable::release(*lock_);
  EXPECT_TRUE(LockTable::try_acquire(*lock_));
}

TEST_P(LockTableWaiting, DoesNotWaitForAClearBit) {
  EXPECT_TRUE(table_.await(*lock_, in(0ns)));
  EXPECT_TRUE(table_.acquire(*lock_, in(0ns)));
}

TEST_P(LockTableWaiting, TellsOfAWakeOnlyWhenAWaiterHasParked) {
  int wakes = 0;
  const auto count = [&wakes] { ++wakes; };
  ASSERT_TRUE(LockTable::try_acquire(*lock_));
  LockTable::release(*lock_, count);
  EXPECT_EQ(wakes, 0);
  ASSERT_TRUE(LockTable::try_acquire(*lock_));
  EXPECT_FALSE(table_.await(*lock_, in(5ms)));
  LockTable::release(*lock_, count);
  LockTable::release(*lock_, count);
  EXPECT_EQ(wakes, GetParam() == Waiting::park ? 1 : 0);
  EXPECT_TRUE(LockTable::try_acquire(*lock_));
}

TEST_P(LockTableWaiting, ReturnsAtItsDeadlineAndNotBefore) {
  ASSERT_TRUE(LockTable::try_acquire(*lock_));
  const Deadline until = in(30ms);
  EXPECT_FALSE(table_.await(*lock_, until));
  EXPECT_TRUE(has_passed(until));
  EXPECT_FALSE(table_.acquire(*lock_, in(1ms)));
}

TEST_P(LockTableWaiting, IsMadeRunnableByARelease) {
  ASSERT_TRUE(LockTable::try_acquire(*lock_));
  std::thread interface([&] {
    std::this_thread::sleep_for(20ms);
    LockTable::release(*lock_);
  });
  const Deadline until = in(kPatience);
  EXPECT_TRUE(table_.await(*lock_, until));
  EXPECT_FALSE(has_passed(until));
  interface.join();
}

TEST_P(LockTableWaiting, IsMadeRunnableAfterAWaitThatTimedOut) {
  ASSERT_TRUE(LockTable::try_acquire(*lock_));
  ASSERT_FALSE(table_.await(*lock_, in(1ms)));
  std::thread interface([&] {
    std::this_thread::sleep_for(10ms);
    LockTable::release(*lock_);
  });
  const Deadline until = in(kPatience);
  EXPECT_TRUE(table_.await(*lock_, until));
  EXPECT_FALSE(has_passed(until));
  interface.join();
}

TEST_P(LockTableWaiting, MakesEveryWaiterRunnable) {
  ASSERT_TRUE(LockTable::try_acquire(*lock_));
  const Deadline until = in(kPatience);
  std::atomic<int> runnable{0};
  std::vector<std::thread> waiters;
  for (int i = 0; i < 4; ++i) {
    waiters.emplace_back([&] { runnable += table_.await(*lock_, until) ? 1 : 0; });
  }
  std::this_thread::sleep_for(20ms);
  LockTable::release(*lock_);
  for (std::thread& waiter : waiters) waiter.join();
  EXPECT_EQ(runnable.load(), 4);
  EXPECT_FALSE(has_passed(until));
}

std::string name_of(const testing::TestParamInfo<Waiting>& tested) {
  constexpr const char* kNames[] = {"Spin", "Pause", "Umwait", "Park"};
  return kNames[static_cast<int>(tested.param)];
}

INSTANTIATE_TEST_SUITE_P(Every, LockTableWaiting,
                         testing::Values(Waiting::spin, Waiting::pause, Waiting::umwait,
                                         Waiting::park),
                         name_of);

TEST(LockTable, HandsOutEachLockOnceAndAgainWhenReturned) {
  LockTable table(2);
  const Result<LockTable::Lock> first = table.allocate(Waiting::spin);
  const Result<LockTable::Lock> second = table.allocate(Waiting::spin);
  ASSERT_TRUE(first && second);
  const Result<LockTable::Lock> third = table.allocate(Waiting::spin);
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().kind, Error::Kind::would_block);

  ASSERT_TRUE(LockTable::try_acquire(*first));
  EXPECT_TRUE(LockTable::try_acquire(*second)) << "two locks share a bit";
  table.deallocate(*first);
  const Result<LockTable::Lock> again = table.allocate(Waiting::park);
  ASSERT_TRUE(again);
  EXPECT_TRUE(LockTable::try_acquire(*again)) << "a fresh lock is clear";
}

TEST(LockTable, SaysWhyItCannotUmwait) {
  const Result<void> possible = internal::umwait_support();
  if (possible) GTEST_SKIP() << "this processor has WAITPKG";
  EXPECT_EQ(possible.error().kind, Error::Kind::unsupported);
  EXPECT_EQ(possible.error().what, "the processor lacks WAITPKG (CPUID.(7,0):ECX[5] is 0)");
}

TEST(LockNotification, LooksBeforeItWaits) {
  const auto mechanism = LockPark::open({});
  ASSERT_TRUE(mechanism);
  EXPECT_EQ((*mechanism)->wait(always, in(0ns)), Wake::news);
}

TEST(LockNotification, TakesANotificationWithoutNewsForAHint) {
  const auto mechanism = LockPause::open({});
  ASSERT_TRUE(mechanism);
  (*mechanism)->notify(nullptr);
  const Deadline until = in(10ms);
  EXPECT_EQ((*mechanism)->wait(never, until), Wake::timed_out);
  EXPECT_TRUE(has_passed(until));
}

}  // namespace
}  // namespace smtni::notify
