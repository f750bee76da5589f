#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "notify/async_branch_rtm.h"
#include "notify/async_branch_safepoint.h"
#include "notify/async_branch_uintr.h"

// A thread that computes and is branched from under its computation by another thread. It can show
// a computation that a branch disturbs, work lost or done twice after a rollback, and the last
// notification lost in practice; the hand-shakes themselves are
// tests/model/async_branch_model_test.cc's.
namespace smtni::notify {
namespace {

using namespace std::chrono_literals;

static_assert(BranchMechanism<Safepoint>);
static_assert(BranchMechanism<Rtm>);
static_assert(BranchMechanism<Uintr>);

constexpr auto kPatience = 60s;

// The notifier counts up; the handler looks at the count, on plain floating-point and integer work.
struct Journey {
  std::atomic<std::uint64_t> published{0};
  std::uint64_t seen = 0;
  std::uint64_t runs = 0;
  double scratch = 1.5;

  Handler handler() {
    return {[](void* self, TscInstant) {
              auto& journey = *static_cast<Journey*>(self);
              journey.seen = journey.published.load(std::memory_order_relaxed);
              journey.scratch = journey.scratch * 1.000001 + static_cast<double>(journey.seen);
              ++journey.runs;
            },
            this, "journey"};
  }
};

template <class M>
class Branched : public testing::Test {
 protected:
  void SetUp() override {
    Result<std::unique_ptr<M>> opened = M::open({});
    if (!opened) {
      ASSERT_EQ(opened.error().kind, Error::Kind::unsupported);
      GTEST_SKIP() << opened.error().what;
    }
    mechanism_ = std::move(*opened);
  }

  // Sends `count` notifications while this thread computes, until the last is seen.
  void compute_through(std::uint64_t count) {
    M& mechanism = *mechanism_;
    ASSERT_TRUE(mechanism.arm(journey_.handler()));
    std::thread interface([&] {
      for (std::uint64_t turn = 1; turn <= count; ++turn) {
        journey_.published.store(turn, std::memory_order_relaxed);
        mechanism.notify(nullptr);
        for (std::uint64_t pauses = turn % 97; pauses > 0; --pauses) cpu_pause();
      }
    });
    SpinDeadline deadline(in(kPatience));
    while (journey_.seen < count && !deadline.passed()) {
      mechanism.compute(chain_);
      if (chain_.advances() % 5 == 0) mechanism.safepoint();
      if (chain_.advances() % 1024 == 0) {
        mechanism.mask();
        mechanism.compute(chain_);
        mechanism.unmask();
      }
    }
    mechanism.disarm();
    interface.join();
    EXPECT_EQ(journey_.seen, count);
  }

  std::unique_ptr<M> mechanism_;
  Journey journey_;
  threads::Chain chain_;
};

using Mechanisms = testing::Types<Safepoint, Rtm, Uintr>;
TYPED_TEST_SUITE(Branched, Mechanisms);

TYPED_TEST(Branched, SeesTheLastNotificationAndLeavesTheComputationUndisturbed) {
  this->compute_through(20'000);
  threads::Chain undisturbed;
  while (undisturbed.advances() < this->chain_.advances()) undisturbed.advance();
  EXPECT_EQ(this->chain_.value(), undisturbed.value());
}

// The news is plain memory: under TSan this shows [post].
TYPED_TEST(Branched, SeesWhatTheNotifierWroteBefore) {
  constexpr std::uint64_t kTurns = 500;
  struct Exchange {
    std::uint64_t news = 0;
    std::uint64_t wrong = 0;
    std::atomic<std::uint64_t> taken{0};
  } exchange;
  const auto take = [](void* self, TscInstant) {
    auto& at = *static_cast<Exchange*>(self);
    const std::uint64_t turn = at.taken.load(std::memory_order_relaxed) + 1;
    if (at.news != turn) ++at.wrong;
    at.taken.store(turn, std::memory_order_release);
  };
  ASSERT_TRUE(this->mechanism_->arm({take, &exchange, "take"}));
  std::thread interface([&] {
    SpinDeadline late(in(kPatience));
    for (std::uint64_t turn = 1; turn <= kTurns && !late.passed(); ++turn) {
      exchange.news = turn;
      this->mechanism_->notify(nullptr);
      while (exchange.taken.load(std::memory_order_acquire) != turn && !late.passed()) {
        std::this_thread::yield();
      }
    }
  });
  SpinDeadline deadline(in(kPatience));
  while (exchange.taken.load(std::memory_order_relaxed) < kTurns && !deadline.passed()) {
    this->mechanism_->compute(this->chain_);
    this->mechanism_->safepoint();
    // On one processor the notifier needs it; a transaction must not reach the call.
    if (this->chain_.advances() % 4096 == 0) {
      this->mechanism_->mask();
      std::this_thread::yield();
      this->mechanism_->unmask();
    }
  }
  this->mechanism_->disarm();
  EXPECT_EQ(exchange.taken.load(), kTurns);
  EXPECT_EQ(exchange.wrong, 0u);
  interface.join();
}

TYPED_TEST(Branched, BranchesForANotificationThatComesBeforeItIsArmed) {
  this->journey_.published = 7;
  this->mechanism_->notify(nullptr);
  ASSERT_TRUE(this->mechanism_->arm(this->journey_.handler()));
  this->mechanism_->safepoint();
  this->mechanism_->disarm();
  EXPECT_EQ(this->journey_.seen, 7u);
}

TYPED_TEST(Branched, TakesASafepointInTheHandlerForNothing) {
  struct Nested {
    TypeParam* mechanism;
    int depth = 0;
    int deepest = 0;
    int runs = 0;
  } nested{this->mechanism_.get()};
  const auto handle = [](void* self, TscInstant) {
    auto& at = *static_cast<Nested*>(self);
    at.deepest = std::max(at.deepest, ++at.depth);
    if (++at.runs == 1) at.mechanism->notify(nullptr);
    at.mechanism->safepoint();
    --at.depth;
  };
  ASSERT_TRUE(this->mechanism_->arm({handle, &nested, "nested"}));
  this->mechanism_->notify(nullptr);
  this->mechanism_->safepoint();
  this->mechanism_->disarm();
  EXPECT_EQ(nested.deepest, 1);
  EXPECT_EQ(nested.runs, 2);
}

using RtmBranched = Branched<Rtm>;

TEST_F(RtmBranched, CountsEveryTransactionOnce) {
  compute_through(20'000);
  const RtmCounts& counts = mechanism_->counts();
  EXPECT_EQ(counts.begun, counts.commits + counts.aborts());
  EXPECT_GT(counts.commits + counts.untransacted, 0u);
  EXPECT_LE(counts.may_retry, counts.aborts());
  RecordProperty("commits", std::to_string(counts.commits));
  RecordProperty("by_notification", std::to_string(counts.by_notification));
  RecordProperty("other_aborts", std::to_string(counts.aborts() - counts.by_notification));
}

TEST_F(RtmBranched, GoesOnUntransactedWhereEveryTransactionAborts) {
  constexpr std::uint64_t kRounds = 10;
  ASSERT_TRUE(mechanism_->arm(journey_.handler()));
  for (std::uint64_t round = 0; round < kRounds; ++round) {
    mechanism_->compute(chain_);
    syscall(SYS_getppid);  // no transaction survives a system call
    mechanism_->safepoint();
  }
  mechanism_->disarm();
  const RtmCounts& counts = mechanism_->counts();
  EXPECT_EQ(chain_.advances(), kRounds);
  EXPECT_GE(counts.untransacted, kRounds);
  EXPECT_GE(counts.aborts(), kRounds * Rtm::kAbortsInARow);
  EXPECT_EQ(counts.begun, counts.commits + counts.aborts());
}

TEST(Uintr, SaysWhyItIsUnsupported) {
  const Result<std::unique_ptr<Uintr>> opened = Uintr::open({});
  if (opened) GTEST_SKIP() << "this machine has user interrupts";
  EXPECT_EQ(opened.error().kind, Error::Kind::unsupported);
  EXPECT_NE(opened.error().what.find("UINTR"), std::string::npos) << opened.error().what;
}

}  // namespace
}  // namespace smtni::notify
