#include "core/thread_counters.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <string>
#include <thread>

#include "core/internal/tracepoint.h"

namespace smtni {
namespace {

constexpr int kSleeps = 20;

void sleep_often() {
  for (int sleep = 0; sleep < kSleeps; ++sleep) {
    const timespec briefly{0, 100'000};
    ::nanosleep(&briefly, nullptr);
  }
}

std::string own_mounts() {
  std::ifstream file("/proc/self/mountinfo");
  return {std::istreambuf_iterator<char>(file), {}};
}

std::uint64_t count_of(const ThreadCounters& counters, Counter counter) {
  return counters.read(counter).value_or(0);
}

#define SKIP_UNLESS_SUPPORTED(counters, counter)             \
  if (const auto first = counters.read(counter); !first) {   \
    ASSERT_EQ(first.error().kind, Error::Kind::unsupported); \
    GTEST_SKIP() << first.error().what;                      \
  }

TEST(ThreadCounters, CountOrSayWhyNot) {
  const ThreadCounters counters = ThreadCounters::open();
  for (std::size_t index = 0; index < kCounterNames.size(); ++index) {
    const auto count = counters.read(static_cast<Counter>(index));
    if (count) continue;
    EXPECT_EQ(count.error().kind, Error::Kind::unsupported) << kCounterNames[index];
    EXPECT_NE(count.error().what, "");
  }
}

TEST(ThreadCounters, CountContextSwitches) {
  const ThreadCounters counters = ThreadCounters::open();
  SKIP_UNLESS_SUPPORTED(counters, Counter::context_switches);
  const std::uint64_t before = count_of(counters, Counter::context_switches);
  sleep_often();
  EXPECT_GE(count_of(counters, Counter::context_switches) - before, std::uint64_t{kSleeps});
}

TEST(ThreadCounters, CountEverySystemCallAndOnlyThose) {
  const ThreadCounters counters = ThreadCounters::open();
  SKIP_UNLESS_SUPPORTED(counters, Counter::system_calls);
  const std::uint64_t start = count_of(counters, Counter::system_calls);
  const std::uint64_t idle = count_of(counters, Counter::system_calls);
  EXPECT_EQ(idle - start, 1U);  // the reading itself
  for (int call = 0; call < 1000; ++call) ::syscall(SYS_getppid);
  EXPECT_EQ(count_of(counters, Counter::system_calls) - idle, 1001U);
}

TEST(ThreadCounters, CountAnotherThread) {
  std::atomic<pid_t> tid{0};
  std::atomic<bool> is_counted{false};
  std::thread other([&] {
    tid.store(::gettid(), std::memory_order_release);
    tid.notify_one();
    is_counted.wait(false, std::memory_order_acquire);
    sleep_often();
  });
  tid.wait(0, std::memory_order_acquire);
  const ThreadCounters counters = ThreadCounters::open(tid.load(std::memory_order_acquire));
  is_counted.store(true, std::memory_order_release);
  is_counted.notify_one();
  other.join();
  SKIP_UNLESS_SUPPORTED(counters, Counter::context_switches);
  EXPECT_GE(count_of(counters, Counter::context_switches), std::uint64_t{kSleeps});
}

TEST(ThreadCounters, OfAThreadThatIsNotThereSayWhy) {
  const ThreadCounters counters = ThreadCounters::open(0x3fffffff);
  const auto count = counters.read(Counter::task_clock_ns);
  ASSERT_FALSE(count);
  EXPECT_EQ(count.error().kind, Error::Kind::unsupported);
}

TEST(Tracepoint, LeavesNoMountAndNoChildBehind) {
  const std::string before = own_mounts();
  const auto id = internal::tracepoint_id("raw_syscalls/sys_enter");
  EXPECT_TRUE(id || id.error().kind == Error::Kind::unsupported);
  EXPECT_EQ(own_mounts(), before);
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
}

TEST(Tracepoint, ThatDoesNotExistIsUnsupported) {
  const auto id = internal::tracepoint_id("no_such_group/no_such_event");
  ASSERT_FALSE(id);
  EXPECT_EQ(id.error().kind, Error::Kind::unsupported);
}

}  // namespace
}  // namespace smtni
