#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <type_traits>

#include "notify/mechanisms.h"
#include "tests/contract/mechanism_receiver.h"

/// \file
/// One suite for the promises of notify/mechanism.h, asked of every mechanism in the one list. Each
/// role's file asks them of its mechanisms, and adds the promises of the role: in one file they
/// would be by far the slowest of the build.
///
/// What it can show: that a promise is broken in an interleaving that happens here. What it cannot:
/// that a store-then-load hand-shake is right in those that do not; tests/model does that. A lost
/// notification fails a case by kPatience, which no honest round comes near.
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define SMTNI_SANITIZED 1
#else
#define SMTNI_SANITIZED 0
#endif

namespace smtni::notify::contract {

using std::chrono::milliseconds;

inline constexpr std::uint64_t kAlternations = SMTNI_SANITIZED ? 20'000 : 1'000'000;
// A mechanism that is far from done in this time does as many as it can; RecordProperty tells.
inline constexpr milliseconds kLongRun{SMTNI_SANITIZED ? 400 : 1200};
inline constexpr milliseconds kShortRun{300};
inline constexpr std::uint64_t kRoundsAtLeast = 50;
inline constexpr milliseconds kNap{3};

/// The mechanisms that a file asks, for gtest.
template <bool (*kIsAsked)(const MechanismInfo&), class Taken, class List>
struct Select;
template <bool (*kIsAsked)(const MechanismInfo&), class... Taken>
struct Select<kIsAsked, ::testing::Types<Taken...>, MechanismList<>> {
  using type = ::testing::Types<Taken...>;
};
template <bool (*kIsAsked)(const MechanismInfo&), class... Taken, class First, class... Rest>
struct Select<kIsAsked, ::testing::Types<Taken...>, MechanismList<First, Rest...>> {
  using Next = std::conditional_t<kIsAsked(First::kInfo), ::testing::Types<Taken..., First>,
                                  ::testing::Types<Taken...>>;
  using type = typename Select<kIsAsked, Next, MechanismList<Rest...>>::type;
};
template <bool (*kIsAsked)(const MechanismInfo&)>
using MechanismsThat = typename Select<kIsAsked, ::testing::Types<>, AllMechanisms>::type;

struct MechanismName {
  template <class M>
  static std::string GetName(int) {
    std::string name(M::kInfo.name);
    std::ranges::replace(name, '-', '_');  // gtest's filter takes what follows a '-' as excluded
    return name;
  }
};

template <class M>
class EveryMechanism : public ::testing::Test {
 protected:
  void SetUp() override { open({}); }

  void open(const Options& options) {
    mechanism_.reset();
    Result<std::unique_ptr<M>> opened = M::open(options);
    if (!opened && opened.error().kind == Error::Kind::unsupported) {
      GTEST_SKIP() << opened.error().what;
    }
    ASSERT_TRUE(opened.has_value()) << opened.error().what;
    mechanism_ = std::move(*opened);
  }

  /// Rounds for `span`, but at least kRoundsAtLeast of them, and at most `most`. Who has done half
  /// of them by then does the rest as well.
  void alternate(Receiver<M>& receiver, std::uint64_t most, milliseconds span, Jitter* jitter) {
    ASSERT_TRUE(receiver.is_ready());
    const Deadline until = in(span);
    std::uint64_t rounds = 0;
    for (; rounds < most; ++rounds) {
      const bool may_end = rounds >= kRoundsAtLeast && rounds < most / 2 && rounds % 64 == 0;
      if (may_end && has_passed(until)) break;
      if (jitter != nullptr) jitter->pause();
      ASSERT_TRUE(receiver.round()) << "message " << rounds + 1 << " was never seen";
    }
    ::testing::Test::RecordProperty("rounds", std::to_string(rounds));
  }

  std::unique_ptr<M> mechanism_;
  Truth truth_;
};
TYPED_TEST_SUITE_P(EveryMechanism);

TYPED_TEST_P(EveryMechanism, ReachesItsReceiver) {
  Receiver<TypeParam> receiver(*this->mechanism_, this->truth_);
  ASSERT_TRUE(receiver.is_ready());
  std::this_thread::sleep_for(kNap);  // it sleeps, computes, or is not there
  EXPECT_TRUE(receiver.round());
}

TYPED_TEST_P(EveryMechanism, SurvivesAMillionAlternations) {
  Receiver<TypeParam> receiver(*this->mechanism_, this->truth_);
  this->alternate(receiver, kAlternations, kLongRun, nullptr);
}

TYPED_TEST_P(EveryMechanism, NeverLosesTheLastMessage) {
  const std::uint64_t seed = std::random_device{}() | 1U;
  SCOPED_TRACE("seed " + std::to_string(seed));
  Jitter jitter(seed);
  Receiver<TypeParam> receiver(*this->mechanism_, this->truth_, {.jitter_seed = seed + 1});
  this->alternate(receiver, kAlternations, kShortRun, &jitter);
}

TYPED_TEST_P(EveryMechanism, WorksWithBothSidesOnOneCpu) {
  cpu_set_t before;
  ASSERT_EQ(sched_getaffinity(0, sizeof(before), &before), 0);
  const int cpu = sched_getcpu();
  Options options;
  options.context_cpus = {cpu};
  this->open(options);
  pin_this_thread(cpu);
  {
    Receiver<TypeParam> receiver(*this->mechanism_, this->truth_, {.cpu = cpu});
    this->alternate(receiver, kAlternations, kShortRun, nullptr);
  }
  ASSERT_EQ(sched_setaffinity(0, sizeof(before), &before), 0);
}

TYPED_TEST_P(EveryMechanism, IsHarmlessWithoutNews) {
  Receiver<TypeParam> receiver(*this->mechanism_, this->truth_);
  ASSERT_TRUE(receiver.is_ready());
  for (int time = 0; time < 100; ++time) (void)this->mechanism_->notify(nullptr);
  EXPECT_EQ(this->truth_.seen.load(), 0U);
  EXPECT_TRUE(receiver.round());
  EXPECT_EQ(this->truth_.seen.load(), 1U);
}

TYPED_TEST_P(EveryMechanism, LeaksNoDescriptor) {
  const auto descriptors = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"),
                         std::filesystem::directory_iterator{});
  };
  this->mechanism_.reset();
  const auto before = descriptors();
  for (int time = 0; time < 20; ++time) this->open({});
  this->mechanism_.reset();
  EXPECT_EQ(descriptors(), before);
}

REGISTER_TYPED_TEST_SUITE_P(EveryMechanism, ReachesItsReceiver, SurvivesAMillionAlternations,
                            NeverLosesTheLastMessage, WorksWithBothSidesOnOneCpu,
                            IsHarmlessWithoutNews, LeaksNoDescriptor);

}  // namespace smtni::notify::contract
