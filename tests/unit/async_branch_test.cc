#include "notify/async_branch.h"

#include <gtest/gtest.h>

#include <csignal>
#include <stdexcept>
#include <utility>

#include "threads/fault.h"

namespace smtni::notify {
namespace {

// A handler that counts its runs, and does once what it is asked to while it runs.
struct Counting {
  int runs = 0;
  TscInstant notified{};
  void (*within)(BranchState&) = nullptr;
  BranchState* state = nullptr;

  Handler handler() {
    return {[](void* self, TscInstant when) {
              auto& counting = *static_cast<Counting*>(self);
              ++counting.runs;
              counting.notified = when;
              if (const auto act = std::exchange(counting.within, nullptr)) {
                act(*counting.state);
              }
            },
            this, "counting"};
  }
};

TEST(BranchState, BranchesOnceForNotificationsThatCoalesce) {
  BranchState state;
  Counting counting;
  state.arm(counting.handler());
  state.poll();
  EXPECT_EQ(counting.runs, 0);

  const TscInstant before = TscClock::begin();
  state.post();
  state.post();
  EXPECT_FALSE(state.post_first()) << "one is pending";
  state.poll();
  EXPECT_EQ(counting.runs, 1);
  EXPECT_GE(counting.notified.reading(), before.reading());

  state.poll();
  EXPECT_EQ(counting.runs, 1);
  EXPECT_TRUE(state.post_first()) << "none is pending";
  state.poll();
  EXPECT_EQ(counting.runs, 2);
  state.disarm();
}

TEST(BranchState, TakesEachStampOnceByReadingIt) {
  BranchState state(*threads::Stack::create(Bytes(64 * 1024), "test"), BranchState::Taking::reads);
  Counting counting;
  state.arm(counting.handler());
  for (int round = 1; round <= 1000; ++round) {
    state.post();  // as fast as the clock ticks, or faster: each is a stamp of its own
    EXPECT_TRUE(state.is_pending());
    state.poll();
    EXPECT_FALSE(state.is_pending());
    ASSERT_EQ(counting.runs, round);
  }
  state.post();
  state.post();
  state.poll();
  EXPECT_EQ(counting.runs, 1001) << "two that were pending at once";
  state.disarm();
}

TEST(BranchState, KeepsWhatArrivesWhileMasked) {
  BranchState state;
  Counting counting;
  state.arm(counting.handler());
  state.mask();
  state.post();
  state.poll();
  EXPECT_EQ(counting.runs, 0);
  state.unmask();
  EXPECT_EQ(counting.runs, 1);
  state.disarm();
}

TEST(BranchState, BranchesAtArmingForWhatIsPending) {
  BranchState state;
  Counting counting;
  state.post();
  state.poll();
  state.arm(counting.handler());
  EXPECT_EQ(counting.runs, 1);
  state.disarm();
}

TEST(BranchState, KeepsWhatArrivesAfterDisarming) {
  BranchState state;
  Counting counting;
  state.arm(counting.handler());
  state.disarm();
  state.post();
  state.poll();
  EXPECT_EQ(counting.runs, 0);
  EXPECT_TRUE(state.is_pending());
  state.arm(counting.handler());
  EXPECT_EQ(counting.runs, 1);
  state.disarm();
}

TEST(BranchState, DoesNotNestInItsHandlerAndBranchesAgainAfterIt) {
  BranchState state;
  Counting counting{.state = &state};
  counting.within = [](BranchState& self) {
    self.post();
    self.poll();  // a safepoint in the handler
    EXPECT_TRUE(self.is_pending());
  };
  state.arm(counting.handler());
  state.post();
  state.poll();
  EXPECT_EQ(counting.runs, 2);
  EXPECT_FALSE(state.is_pending());
  state.disarm();
}

TEST(BranchState, RunsItsHandlerOnTheStackItWasGiven) {
  Result<threads::Stack> stack = threads::Stack::create(64 * kKiB, "test");
  ASSERT_TRUE(stack);
  const std::span<std::byte> usable = stack->usable();
  BranchState state(std::move(*stack));
  const void* where = nullptr;
  const auto note = [](void* place, TscInstant) {
    *static_cast<const void**>(place) = __builtin_frame_address(0);
  };
  state.arm({note, &where, "noting"});
  state.post();
  state.poll();
  EXPECT_GE(where, usable.data());
  EXPECT_LT(where, usable.data() + usable.size());
  state.disarm();
}

TEST(BranchState, ReportsAHandlerThatThrowsAndGoesOn) {
  Result<threads::Stack> stack = threads::Stack::create(64 * kKiB, "test");
  ASSERT_TRUE(stack);
  BranchState state(std::move(*stack));
  state.arm({[](void*, TscInstant) { throw std::runtime_error("no"); }, nullptr, "throwing"});
  const std::uint64_t before = threads::exceptions_reported();
  for (std::uint64_t times = 1; times <= 2; ++times) {
    state.post();
    testing::internal::CaptureStderr();
    state.poll();
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "smtni: handler 'throwing' threw: no\n");
    EXPECT_EQ(threads::exceptions_reported(), before + times);
  }
  state.disarm();
}

BranchState* signalled = nullptr;

TEST(BranchState, MayBeBranchedByASignalOfItsThread) {
  BranchState state;
  Counting counting{.state = &state};
  signalled = &state;
  struct sigaction action {};
  struct sigaction before {};
  action.sa_handler = [](int) { signalled->branch(); };
  ASSERT_EQ(sigaction(SIGUSR1, &action, &before), 0);

  state.arm(counting.handler());
  state.post();
  raise(SIGUSR1);
  EXPECT_EQ(counting.runs, 1);

  state.mask();
  state.post();
  raise(SIGUSR1);
  EXPECT_EQ(counting.runs, 1) << "masked";
  state.unmask();
  EXPECT_EQ(counting.runs, 2);

  counting.within = [](BranchState& self) {
    self.post();
    raise(SIGUSR1);  // finds the handler running and leaves the stamp
  };
  state.post();
  state.poll();
  EXPECT_EQ(counting.runs, 4);

  state.disarm();
  state.post();
  raise(SIGUSR1);
  EXPECT_EQ(counting.runs, 4) << "disarmed";
  sigaction(SIGUSR1, &before, nullptr);
}

}  // namespace
}  // namespace smtni::notify
