#pragma once

#include <gtest/gtest.h>
#include <sched.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "core/cpu.h"
#include "core/deadline.h"
#include "notify/mechanism.h"
#include "threads/chain.h"

/// \file
/// A receiver for a mechanism of any role, so that the contract suite can ask all of them the same.
namespace smtni::notify::contract {

/// Far beyond any honest value. What lasts so long was lost.
inline constexpr std::chrono::seconds kPatience{20};

/// What the notifications are about: the number of the latest message, and of the latest seen.
struct Truth {
  std::atomic<std::uint64_t> published{0};
  std::atomic<std::uint64_t> seen{0};
  std::atomic<bool> is_over{false};  // also news, so that a waiting receiver ends

  void look() noexcept {
    const std::uint64_t latest = published.load(std::memory_order_acquire);
    std::uint64_t before = seen.load(std::memory_order_relaxed);
    while (before < latest && !seen.compare_exchange_weak(before, latest)) {
    }
  }
  [[nodiscard]] bool has_news() const noexcept {
    return published.load(std::memory_order_acquire) > seen.load(std::memory_order_relaxed) ||
           is_over.load(std::memory_order_acquire);
  }
};

/// Spins, politely to a receiver on the same processor, until `is_true` or patience ends.
template <class Condition>
[[nodiscard]] bool eventually(const Condition& is_true) {
  const Deadline until = in(kPatience);
  for (std::uint32_t turn = 1; !is_true(); ++turn) {
    if (turn % 256 != 0) {
      cpu_pause();
      continue;
    }
    sched_yield();
    if (has_passed(until)) return false;
  }
  return true;
}

/// Random spans, most of them about as long as the window between a last look and a sleep.
class Jitter {
 public:
  explicit Jitter(std::uint64_t seed) : random_(seed) {}

  void pause() {
    const std::uint64_t turns = random_() % (random_() % 8 == 0 ? 4096 : 64);
    for (std::uint64_t turn = 0; turn < turns; ++turn) cpu_pause();
  }

 private:
  std::minstd_rand random_;
};

struct ReceiverOptions {
  int cpu = -1;                   ///< -1: wherever the scheduler likes
  std::uint64_t jitter_seed = 0;  ///< 0: none
};

inline void pin_this_thread(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(cpu), &set);
  ASSERT_EQ(sched_setaffinity(0, sizeof(set), &set), 0);
}

/// Looks at the truth in its own thread, or in spawned contexts, whenever the mechanism tells it to
/// and at no other time, until it goes out of scope.
template <class M>
class Receiver {
 public:
  Receiver(M& mechanism, Truth& truth, ReceiverOptions options = {})
      : mechanism_(mechanism), truth_(truth), options_(options) {
    if constexpr (SpawnMechanism<M>) {
      is_ready_ = start_spawning();
    } else {
      thread_ = std::thread([this] { run(); });
      is_ready_ = eventually([this] { return runs_.load(); });
    }
  }
  Receiver(const Receiver&) = delete;
  Receiver& operator=(const Receiver&) = delete;

  ~Receiver() {
    truth_.is_over.store(true, std::memory_order_release);
    if constexpr (SpawnMechanism<M>) {
      mechanism_.disarm();
    } else {
      mechanism_.notify(nullptr);
      thread_.join();
    }
    EXPECT_FALSE(was_lost_.load()) << "a wait reached its deadline although there was news";
  }

  [[nodiscard]] bool is_ready() const { return is_ready_; }

  /// Publishes the next message, notifies, and waits until the receiver has seen it.
  [[nodiscard]] bool round() {
    const std::uint64_t number = truth_.published.load(std::memory_order_relaxed) + 1;
    truth_.published.store(number, std::memory_order_release);
    if (!eventually([&] { return mechanism_.notify(this); })) return false;
    return eventually([&] { return truth_.seen.load(std::memory_order_acquire) >= number; });
  }

  static constexpr std::uint32_t kAdvancesPerBreath = 256;

 private:
  void run() {
    if (options_.cpu >= 0) pin_this_thread(options_.cpu);
    if constexpr (WaitMechanism<M>) {
      run_waiting();
    } else if constexpr (BranchMechanism<M>) {
      run_computing();
    }
  }

  void run_waiting() {
    Jitter jitter(options_.jitter_seed);
    runs_.store(true);
    while (!truth_.is_over.load(std::memory_order_acquire)) {
      if (options_.jitter_seed != 0) jitter.pause();
      const Wake wake =
          mechanism_.wait([this]() noexcept { return truth_.has_news(); }, in(kPatience));
      if (wake == Wake::timed_out) was_lost_.store(true);
      truth_.look();
    }
  }

  void run_computing() {
    const Handler handler{[](void* truth, TscInstant) { static_cast<Truth*>(truth)->look(); },
                          &truth_, "look"};
    const Result<void> armed = mechanism_.arm(handler);
    EXPECT_TRUE(armed.has_value());
    runs_.store(true);
    threads::Chain chain;
    while (!truth_.is_over.load(std::memory_order_acquire)) {
      mechanism_.compute(chain);
      mechanism_.safepoint();
      // For a notifier on the same processor; and ThreadSanitizer delivers signals at calls only.
      if (chain.advances() % kAdvancesPerBreath == 0) breathe();
    }
    mechanism_.disarm();
    threads::Chain undisturbed;
    while (undisturbed.advances() < chain.advances()) undisturbed.advance();
    EXPECT_EQ(chain.value(), undisturbed.value()) << "the computation was not preserved";
  }

  static void breathe() {
    sched_yield();
    (void)has_passed({});
  }

  bool start_spawning() {
    if constexpr (SpawnMechanism<M>) {
      const Entry entry{[](void* truth, const void*) { static_cast<Truth*>(truth)->look(); },
                        &truth_, "look"};
      if (!mechanism_.arm(entry)) return false;
      if constexpr (EvictingMechanism<M>) {
        const Entry background{[](void* argument, const void*) { work(argument); }, &truth_,
                               "background"};
        return mechanism_.occupy(background).has_value();
      }
    }
    return true;
  }

  // The computation that contexts are taken from.
  static void work(void* argument) {
    const Truth& truth = *static_cast<Truth*>(argument);
    threads::Chain chain;
    while (!truth.is_over.load(std::memory_order_acquire)) {
      chain.advance();
      if constexpr (EvictingMechanism<M>) M::safepoint();
      if (chain.advances() % kAdvancesPerBreath == 0) sched_yield();
    }
  }

  M& mechanism_;
  Truth& truth_;
  ReceiverOptions options_;
  bool is_ready_ = false;
  std::atomic<bool> runs_{false};
  std::atomic<bool> was_lost_{false};
  std::thread thread_;
};

}  // namespace smtni::notify::contract
