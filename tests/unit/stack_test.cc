#include "threads/stack.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>

#include <cstddef>
#include <optional>
#include <thread>
#include <vector>

#include "threads/fiber.h"

namespace smtni::threads {
namespace {

// Far more frames than any stack here holds.
[[gnu::noinline]] int descend(int depth, volatile char* above) noexcept {
  if (depth == 0) return 0;
  volatile char frame[512];
  frame[0] = above == nullptr ? char{1} : above[0];
  return descend(depth - 1, frame) + frame[0];
}

void overrun(void* /*argument*/) noexcept {
  constexpr int kFrames = 1'000'000;
  descend(kFrames, nullptr);
}

TEST(Stack, HoldsTheBytesAskedForInWholePages) {
  const Result<Stack> stack = Stack::create(Bytes(20'000), "test");
  ASSERT_TRUE(stack) << stack.error().what;
  EXPECT_EQ(stack->usable().size(), whole_pages(Bytes(20'000)).count());
  EXPECT_EQ(stack->top(), stack->usable().data() + stack->usable().size());
  stack->usable().front() = std::byte{1};
  stack->usable().back() = std::byte{2};
}

TEST(Stack, RefusesSizesThatNobodyMeans) {
  for (const Bytes size : {Bytes(0), Bytes(16 * 1024 - 1), Bytes(~std::uint64_t{0})}) {
    const Result<Stack> stack = Stack::create(size, "test");
    ASSERT_FALSE(stack);
    EXPECT_EQ(stack.error().kind, Error::Kind::invalid);
  }
}

TEST(Stack, StaysInPlaceWhenMoved) {
  Result<Stack> first = Stack::create(64 * kKiB, "test");
  ASSERT_TRUE(first);
  const std::byte* place = first->usable().data();
  const Stack second(std::move(*first));
  EXPECT_EQ(second.usable().data(), place);
}

using StackDeathTest = ::testing::Test;

TEST(StackDeathTest, AnOverrunIsReportedWithItsNameAndEndsTheProcess) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        const Result<Stack> stack = Stack::create(64 * kKiB, "deep thought");
        report_overruns_on_this_thread();
        run_on_stack(*stack, overrun, nullptr);
      },
      ::testing::KilledBySignal(SIGSEGV),
      "smtni: handler 'deep thought' overran its stack of 64 KiB");
}

TEST(StackDeathTest, AnOverrunOnAnotherThreadHasTheLatestName) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        Result<Stack> stack = Stack::create(32 * kKiB, "first");
        const Result<Stack> other = Stack::create(32 * kKiB, "other");
        stack->rename("second");
        std::thread([&] {
          report_overruns_on_this_thread();
          run_on_stack(*stack, overrun, nullptr);
        }).join();
      },
      ::testing::KilledBySignal(SIGSEGV), "smtni: handler 'second' overran its stack of 32 KiB");
}

TEST(StackDeathTest, AFreedSlotNamesTheStackThatTookIt) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        std::vector<Stack> stacks;
        for (std::size_t i = 0; i < Stack::kMaxGuarded; ++i) {
          stacks.push_back(std::move(*Stack::create(Stack::kMinUsable, "old")));
        }
        stacks.erase(stacks.begin() + 7);
        const Result<Stack> late = Stack::create(Stack::kMinUsable, "late");
        report_overruns_on_this_thread();
        run_on_stack(*late, overrun, nullptr);
      },
      ::testing::KilledBySignal(SIGSEGV), "smtni: handler 'late' overran its stack of 16 KiB");
}

// The handler that was there before stays in charge of faults that are not ours.
TEST(StackDeathTest, OtherFaultsGoToThePreviousHandler) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        struct sigaction action = {};
        action.sa_handler = [](int) { ::_exit(7); };
        ::sigaction(SIGSEGV, &action, nullptr);
        const Result<Stack> stack = Stack::create(64 * kKiB, "innocent");
        void* page = ::mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        *static_cast<volatile char*>(page) = 1;
      },
      ::testing::ExitedWithCode(7), "^$");
}

TEST(AlternateStack, IsTheThreadsWhileInstalled) {
  Result<AlternateStack> own = AlternateStack::create();
  ASSERT_TRUE(own);
  std::thread([&own] {
    stack_t before = {};
    ::sigaltstack(nullptr, &before);
    own->install();
    stack_t during = {};
    ::sigaltstack(nullptr, &during);
    EXPECT_EQ(during.ss_flags & SS_DISABLE, 0);
    own->uninstall();
    stack_t after = {};
    ::sigaltstack(nullptr, &after);
    EXPECT_EQ(after.ss_flags, before.ss_flags);
  }).join();
}

}  // namespace
}  // namespace smtni::threads
