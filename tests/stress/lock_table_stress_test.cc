#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "notify/lock_table.h"
#include "notify/lock_table_mechanisms.h"

// Many threads on many locks. It can show broken exclusion, a lost wake-up that is likely, and
// under TSan a missing edge; a rare lost wake-up is the model's
// (tests/model/lock_table_model_test.cc).
namespace smtni::notify {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 60s;

// Under its lock each counter is plain memory, so that TSan checks [clear] at every handover.
TEST(LockTableStress, HandsOverEachLockAsOftenAsItIsAcquired) {
  constexpr std::size_t kLocks = 5;
  constexpr int kThreads = 6;
  constexpr int kAcquisitions = 4'000;
  constexpr Waiting kWaitings[] = {Waiting::spin, Waiting::pause, Waiting::park, Waiting::park,
                                   Waiting::park};
  LockTable table(kLocks, Nanoseconds(2'000));
  std::vector<LockTable::Lock> locks;
  for (const Waiting waiting : kWaitings) locks.push_back(*table.allocate(waiting));
  std::uint64_t counters[kLocks] = {};
  std::atomic<int> late{0};

  std::vector<std::thread> threads;
  for (unsigned seed = 0; seed < kThreads; ++seed) {
    threads.emplace_back([&, seed] {
      std::minstd_rand random(seed + 1);
      for (int i = 0; i < kAcquisitions; ++i) {
        const std::size_t choice = random() % kLocks;
        if (!table.acquire(locks[choice], in(kPatience))) {
          ++late;
          return;
        }
        ++counters[choice];
        LockTable::release(locks[choice]);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();

  EXPECT_EQ(late.load(), 0);
  std::uint64_t handovers = 0;
  for (const std::uint64_t counter : counters) handovers += counter;
  EXPECT_EQ(handovers, std::uint64_t{kThreads} * kAcquisitions);
}

// Two sides that notify each other in turn. The news is plain memory behind an atomic count, and
// the receiver sleeps at once, so that park's whole hand-shake is on the path.
template <class M>
void alternate(std::uint64_t turns) {
  Options options;
  options.spin = Nanoseconds(0);
  const auto there = M::open(options);
  const auto back = M::open(options);
  ASSERT_TRUE(there && back);
  struct alignas(kCacheLine) News {
    std::atomic<std::uint64_t> published{0};
  } request, reply;
  const auto wait_for = [](M& mechanism, const News& news, std::uint64_t turn) {
    return mechanism.wait(
        [&]() noexcept { return news.published.load(std::memory_order_acquire) >= turn; },
        in(kPatience));
  };
  std::thread answering([&] {
    for (std::uint64_t turn = 1; turn <= turns; ++turn) {
      if (wait_for(**there, request, turn) != Wake::news) return;
      reply.published.store(turn, std::memory_order_release);
      (*back)->notify(nullptr);
    }
  });
  for (std::uint64_t turn = 1; turn <= turns; ++turn) {
    request.published.store(turn, std::memory_order_release);
    (*there)->notify(nullptr);
    if (wait_for(**back, reply, turn) != Wake::news) {
      ADD_FAILURE() << "no answer to turn " << turn;
      break;
    }
  }
  answering.join();
}

TEST(LockTableStress, AlternatesPausing) { alternate<LockPause>(20'000); }
TEST(LockTableStress, AlternatesSpinning) { alternate<LockSpin>(20'000); }
TEST(LockTableStress, AlternatesParking) { alternate<LockPark>(20'000); }

TEST(LockTableStress, AlternatesInUmwait) {
  if (const auto mechanism = LockUmwait::open({}); !mechanism) {
    GTEST_SKIP() << mechanism.error().what;
  }
  alternate<LockUmwait>(20'000);
}

}  // namespace
}  // namespace smtni::notify
