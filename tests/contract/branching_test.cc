// Mechanisms whose receiver computes. The notifier is the same thread where a case is about the
// order.
#include <array>
#include <csignal>
#include <stdexcept>

#include "tests/contract/every_mechanism.h"
#include "threads/fault.h"
#include "threads/stack.h"

namespace smtni::notify::contract {
namespace {

constexpr bool branches(const MechanismInfo& info) { return info.role == Role::branches; }
using Mechanisms = MechanismsThat<branches>;
INSTANTIATE_TYPED_TEST_SUITE_P(Branches, EveryMechanism, Mechanisms, MechanismName);

template <class M>
class BranchingMechanism : public EveryMechanism<M> {
 protected:
  static void count(void* runs, TscInstant) { static_cast<std::atomic<int>*>(runs)->fetch_add(1); }

  [[nodiscard]] Handler counting() { return {count, &runs_, "counting"}; }

  void notify_from_elsewhere() {
    std::thread([this] { this->mechanism_->notify(nullptr); }).join();
  }
  void compute(int advances) {
    for (int advance = 0; advance < advances; ++advance) {
      this->mechanism_->compute(chain_);
      this->mechanism_->safepoint();
    }
    (void)has_passed({});  // ThreadSanitizer delivers signals at calls only
  }
  [[nodiscard]] bool computes_until(int runs) {
    return eventually([&] {
      compute(16);
      return runs_.load() >= runs;
    });
  }

  std::atomic<int> runs_{0};
  threads::Chain chain_;
};
TYPED_TEST_SUITE(BranchingMechanism, Mechanisms, MechanismName);

TYPED_TEST(BranchingMechanism, HoldsABranchBackWhileMasked) {
  ASSERT_TRUE(this->mechanism_->arm(this->counting()));
  this->mechanism_->mask();
  this->notify_from_elsewhere();
  this->compute(10'000);
  EXPECT_EQ(this->runs_.load(), 0);
  this->mechanism_->unmask();
  EXPECT_EQ(this->runs_.load(), 1);
  this->notify_from_elsewhere();
  EXPECT_TRUE(this->computes_until(2));
  this->mechanism_->disarm();
}

TYPED_TEST(BranchingMechanism, CoalescesWhatIsPending) {
  ASSERT_TRUE(this->mechanism_->arm(this->counting()));
  this->mechanism_->mask();
  for (int time = 0; time < 1000; ++time) this->mechanism_->notify(nullptr);
  this->mechanism_->unmask();
  this->compute(100);
  EXPECT_EQ(this->runs_.load(), 1);
  this->mechanism_->disarm();
}

TYPED_TEST(BranchingMechanism, KeepsANotificationUntilItIsArmed) {
  this->notify_from_elsewhere();
  this->compute(100);
  ASSERT_TRUE(this->mechanism_->arm(this->counting()));
  EXPECT_TRUE(this->computes_until(1));
  this->mechanism_->disarm();
  this->notify_from_elsewhere();
  this->compute(1000);
  EXPECT_EQ(this->runs_.load(), 1);
  ASSERT_TRUE(this->mechanism_->arm(this->counting()));
  EXPECT_TRUE(this->computes_until(2));
  this->mechanism_->disarm();
}

TYPED_TEST(BranchingMechanism, NeverNestsItsHandler) {
  struct State {
    TypeParam& mechanism;
    threads::Chain chain;
    int depth = 0;
    int deepest = 0;
    std::atomic<int> runs{0};
  } state{.mechanism = *this->mechanism_, .chain = {}};
  const Handler handler{[](void* argument, TscInstant) {
                          State& s = *static_cast<State*>(argument);
                          s.deepest = std::max(s.deepest, ++s.depth);
                          if (s.runs.load() == 0) s.mechanism.notify(nullptr);
                          s.mechanism.compute(s.chain);
                          s.mechanism.safepoint();
                          --s.depth;
                          s.runs.fetch_add(1);
                        },
                        &state, "nesting"};
  ASSERT_TRUE(this->mechanism_->arm(handler));
  this->notify_from_elsewhere();
  EXPECT_TRUE(eventually([&] {
    this->compute(16);
    return state.runs.load() >= 2;
  }));
  this->mechanism_->disarm();
  EXPECT_EQ(state.deepest, 1);
  EXPECT_EQ(state.runs.load(), 2);
}

TYPED_TEST(BranchingMechanism, ReportsAThrowingHandlerByName) {
#ifdef __SANITIZE_THREAD__
  if (TypeParam::kInfo.name == "signal/running") {
    GTEST_SKIP() << "throwing allocates, which ThreadSanitizer reports in a signal handler";
  }
#endif
  const Handler handler{[](void* runs, TscInstant) {
                          static_cast<std::atomic<int>*>(runs)->fetch_add(1);
                          throw std::runtime_error("no such order");
                        },
                        &this->runs_, "order-handler"};
  const std::uint64_t reported = threads::exceptions_reported();
  ::testing::internal::CaptureStderr();
  EXPECT_TRUE(this->mechanism_->arm(handler).has_value());
  this->notify_from_elsewhere();
  const bool has_run = this->computes_until(1);
  this->mechanism_->disarm();
  const std::string text = ::testing::internal::GetCapturedStderr();
  EXPECT_TRUE(has_run);
  EXPECT_NE(text.find("order-handler"), std::string::npos) << text;
  EXPECT_NE(text.find("no such order"), std::string::npos) << text;
  EXPECT_EQ(threads::exceptions_reported(), reported + 1);
}

[[gnu::noinline]] void overrun(int depth) {
  std::array<char, 1024> frame{};
  asm volatile("" : : "r"(frame.data()) : "memory");
  if (depth > 0) overrun(depth - 1);
  asm volatile("" : : "r"(frame.data()) : "memory");  // not a tail call
}

template <class M>
class BranchingMechanismDeathTest : public BranchingMechanism<M> {};
TYPED_TEST_SUITE(BranchingMechanismDeathTest, Mechanisms, MechanismName);

TYPED_TEST(BranchingMechanismDeathTest, ReportsAHandlerThatOverrunsItsStackByName) {
  if (SMTNI_SANITIZED) GTEST_SKIP() << "the sanitizers report faults themselves";
  const Handler handler{[](void*, TscInstant) { overrun(1'000'000); }, nullptr, "deep-handler"};
  const auto branch = [&] {
    threads::report_overruns_on_this_thread();
    (void)this->mechanism_->arm(handler);
    this->mechanism_->notify(nullptr);
    (void)this->computes_until(1);
  };
  EXPECT_EXIT(branch(), ::testing::KilledBySignal(SIGSEGV),
              "handler 'deep-handler' overran its stack of");
}

}  // namespace
}  // namespace smtni::notify::contract
