#include "threads/pinned_thread.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <string>

namespace smtni::threads {
namespace {

int first_allowed_cpu() {
  cpu_set_t set;
  ::sched_getaffinity(0, sizeof set, &set);
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(static_cast<unsigned>(cpu), &set)) return cpu;
  }
  return 0;
}

constexpr int kNoSuchCpu = CPU_SETSIZE - 1;

TEST(PinnedThread, RunsOnItsProcessorUnderItsName) {
  const int cpu = first_allowed_cpu();
  int seen_cpu = -1;
  std::string seen_name;
  auto thread = PinnedThread::start({.name = "a-name-of-more-than-15", .cpu = cpu}, [&] {
    seen_cpu = ::sched_getcpu();
    std::array<char, 16> name{};
    ::pthread_getname_np(::pthread_self(), name.data(), name.size());
    seen_name = name.data();
  });
  ASSERT_TRUE(thread) << thread.error().what;
  thread->join();
  EXPECT_EQ(thread->note(), "");
  EXPECT_EQ(seen_cpu, cpu);
  EXPECT_EQ(seen_name, "a-name-of-more-");
}

TEST(PinnedThread, RunsAnywhereIfItMayNotBePinned) {
  for (const int cpu : {kNoSuchCpu, -1, CPU_SETSIZE}) {
    std::atomic<bool> has_run = false;
    auto thread = PinnedThread::start({.name = "worker", .cpu = cpu}, [&] { has_run = true; });
    ASSERT_TRUE(thread) << thread.error().what;
    thread->join();
    EXPECT_TRUE(has_run);
    EXPECT_EQ(thread->note(),
              "pin worker to processor " + std::to_string(cpu) + ": Invalid argument");
  }
}

TEST(PinnedThread, JoinsWhenDestroyed) {
  bool has_run = false;
  {
    auto thread = PinnedThread::start({.name = "worker", .cpu = {}}, [&] { has_run = true; });
    ASSERT_TRUE(thread);
    const PinnedThread moved = std::move(*thread);
  }
  EXPECT_TRUE(has_run);
}

TEST(PinThisThread, LastsAsLongAsItsResult) {
  cpu_set_t before;
  ::sched_getaffinity(0, sizeof before, &before);
  {
    const auto pin = pin_this_thread(first_allowed_cpu());
    ASSERT_TRUE(pin) << pin.error().what;
    cpu_set_t during;
    ::sched_getaffinity(0, sizeof during, &during);
    EXPECT_EQ(CPU_COUNT(&during), 1);
  }
  cpu_set_t after;
  ::sched_getaffinity(0, sizeof after, &after);
  EXPECT_TRUE(CPU_EQUAL(&before, &after));
}

TEST(PinThisThread, FailsWithAReason) {
  const auto absent = pin_this_thread(kNoSuchCpu);
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().what, "pin this thread to processor 1023: Invalid argument");
  const auto absurd = pin_this_thread(-1);
  ASSERT_FALSE(absurd);
  EXPECT_EQ(absurd.error().what, "pin this thread to processor -1: accepted: 0 to 1023");
}

}  // namespace
}  // namespace smtni::threads
