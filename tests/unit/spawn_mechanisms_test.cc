#include <gtest/gtest.h>
#include <sched.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <stdexcept>

#include "notify/spawn_evict.h"
#include "notify/spawn_idle_context.h"
#include "notify/spawn_os_thread.h"
#include "tests/unit/eventually.h"
#include "threads/fault.h"

namespace smtni::notify {
namespace {

int first_allowed_cpu() {
  cpu_set_t set;
  ::sched_getaffinity(0, sizeof set, &set);
  int cpu = 0;
  while (!CPU_ISSET(static_cast<unsigned>(cpu), &set)) ++cpu;
  return cpu;
}

struct Sum {
  std::atomic<std::uint64_t> total = 0;
  std::atomic<int> ended = 0;
  std::atomic<bool> may_end = true;

  static void run(void* self, const void* record) {
    auto& sum = *static_cast<Sum*>(self);
    while (!sum.may_end.load()) ::sched_yield();
    sum.total += *static_cast<const std::uint64_t*>(record);
    ++sum.ended;
  }
  Entry entry() { return {run, this, "sum"}; }
};

template <class M>
class SpawnMechanisms : public ::testing::Test {
 protected:
  static std::unique_ptr<M> open(const Options& options = {}) {
    auto mechanism = M::open(options);
    EXPECT_TRUE(mechanism) << mechanism.error().what;
    return std::move(*mechanism);
  }
};

using Spawning = ::testing::Types<IdleContext, EvictContext, OsThread>;
TYPED_TEST_SUITE(SpawnMechanisms, Spawning);

TYPED_TEST(SpawnMechanisms, StartTheEntryOnceForEachRecord) {
  const auto mechanism = this->open();
  Sum sum;
  ASSERT_TRUE(mechanism->arm(sum.entry()));
  std::array<std::uint64_t, 50> records{};
  for (std::uint64_t i = 0; i < records.size(); ++i) {
    records[i] = i;
    ASSERT_TRUE(eventually([&] { return mechanism->notify(&records[i]); }));
  }
  mechanism->disarm();
  EXPECT_EQ(sum.total, 1225U);
  EXPECT_EQ(sum.ended, 50);
}

TYPED_TEST(SpawnMechanisms, StartNothingUnlessArmed) {
  const auto mechanism = this->open();
  const std::uint64_t record = 1;
  EXPECT_FALSE(mechanism->notify(&record));
  Sum sum;
  ASSERT_TRUE(mechanism->arm(sum.entry()));
  mechanism->disarm();
  EXPECT_FALSE(mechanism->notify(&record));
  EXPECT_EQ(sum.ended, 0);
  ASSERT_TRUE(mechanism->arm(sum.entry()));
  EXPECT_TRUE(mechanism->notify(&record));
  mechanism->disarm();
  EXPECT_EQ(sum.ended, 1);
}

TYPED_TEST(SpawnMechanisms, DeclineWhenEveryContextIsTaken) {
  const auto mechanism = this->open();
  Sum sum;
  sum.may_end = false;
  ASSERT_TRUE(mechanism->arm(sum.entry()));
  const std::uint64_t record = 1;
  int started = 0;
  while (mechanism->notify(&record)) ++started;
  EXPECT_GE(started, 1);
  EXPECT_LE(started, 64);
  sum.may_end = true;
  mechanism->disarm();
  EXPECT_EQ(sum.ended, started);
}

TYPED_TEST(SpawnMechanisms, RunTheEntryOnItsProcessor) {
  const int cpu = first_allowed_cpu();
  const auto mechanism = this->open({.context_cpus = {cpu}});
  std::atomic<int> seen = -1;
  const auto look = [](void* place, const void*) {
    *static_cast<std::atomic<int>*>(place) = ::sched_getcpu();
  };
  ASSERT_TRUE(mechanism->arm({look, &seen, "look"}));
  EXPECT_TRUE(mechanism->notify(nullptr));
  mechanism->disarm();
  EXPECT_EQ(seen, cpu);
}

TYPED_TEST(SpawnMechanisms, ReportAnEntryThatThrows) {
  const auto mechanism = this->open();
  const std::uint64_t before = threads::exceptions_reported();
  const auto thrower = [](void*, const void*) { throw std::runtime_error("so long"); };
  ASSERT_TRUE(mechanism->arm({thrower, nullptr, "thrower"}));
  ::testing::internal::CaptureStderr();
  EXPECT_TRUE(mechanism->notify(nullptr));
  mechanism->disarm();
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "smtni: handler 'thrower' threw: so long\n");
  EXPECT_EQ(threads::exceptions_reported(), before + 1);
}

TYPED_TEST(SpawnMechanisms, WorkWithoutPermissionToPin) {
  const auto mechanism = this->open({.context_cpus = {1023}});
  Sum sum;
  ASSERT_TRUE(mechanism->arm(sum.entry()));
  const std::uint64_t record = 1;
  EXPECT_TRUE(mechanism->notify(&record));
  mechanism->disarm();
  EXPECT_EQ(sum.ended, 1);
}

TEST(EvictContext, TakesTheProcessorFromABackgroundAndGivesItBack) {
  auto mechanism = EvictContext::open({});
  ASSERT_TRUE(mechanism);
  EvictContext& evict = **mechanism;
  Sum sum;
  ASSERT_TRUE(evict.arm(sum.entry()));
  struct Background {
    std::atomic<std::uint64_t> turns = 0;
    std::atomic<bool> may_end = false;
    static void run(void* self, const void*) {
      auto& background = *static_cast<Background*>(self);
      for (; !background.may_end.load(); ++background.turns) EvictContext::safepoint();
    }
  } background;
  ASSERT_TRUE(evict.occupy({Background::run, &background, "background"}));
  const std::uint64_t record = 1;
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(eventually([&] { return evict.notify(&record); }));
    ASSERT_TRUE(eventually([&] { return sum.ended.load() == i + 1; }));
    const std::uint64_t before = background.turns;
    ASSERT_TRUE(eventually([&] { return background.turns.load() > before; }));
  }
  EXPECT_EQ(evict.counters().evictions, 20U);
  background.may_end = true;
  evict.disarm();
  EXPECT_EQ(evict.counters().resumed, 20U);
}

}  // namespace
}  // namespace smtni::notify
