#include <gtest/gtest.h>
#include <sched.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <random>
#include <vector>

#include "tests/unit/call_with_registers.h"
#include "tests/unit/eventually.h"
#include "threads/chain.h"
#include "threads/context_pool.h"

// What these can show: a start lost, run twice or with another's record; a computation that comes
// back from an eviction other than it went. What they cannot: the order of memory on a processor
// that hides a missing edge; that is ThreadSanitizer's and the model's part.
namespace smtni::threads {
namespace {

using namespace std::chrono_literals;

#if defined(SMTNI_WITH_TSAN) || defined(SMTNI_WITH_ASAN)
constexpr int kStarts = 2'000;
constexpr int kEvictions = 500;
#else
constexpr int kStarts = 10'000;
constexpr int kEvictions = 2'000;
#endif

std::vector<int> allowed_cpus() {
  cpu_set_t set;
  ::sched_getaffinity(0, sizeof set, &set);
  std::vector<int> cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(static_cast<unsigned>(cpu), &set)) cpus.push_back(cpu);
  }
  return cpus;
}

struct Shape {
  const char* name;
  std::size_t hardware_contexts;
  bool is_on_one_cpu;
  std::size_t contexts;
  EvictionPolicy eviction;
};

class ContextPoolStress : public ::testing::TestWithParam<Shape> {
 protected:
  static std::unique_ptr<ContextPool> open() {
    const Shape& shape = GetParam();
    const std::vector<int> allowed = allowed_cpus();
    std::vector<int> cpus;
    for (std::size_t i = 0; i < shape.hardware_contexts; ++i) {
      cpus.push_back(allowed[shape.is_on_one_cpu ? 0 : i % allowed.size()]);
    }
    auto pool =
        ContextPool::open({.cpus = cpus, .contexts = shape.contexts, .eviction = shape.eviction});
    EXPECT_TRUE(pool) << pool.error().what;
    return std::move(*pool);
  }
};

INSTANTIATE_TEST_SUITE_P(Shapes, ContextPoolStress,
                         ::testing::Values(Shape{"OneContext", 1, false, 1, NoEviction{}},
                                           Shape{"OneCpuManyContexts", 1, true, 4, Oldest{}},
                                           Shape{"TwoWorkersOnOneCpu", 2, true, 4,
                                                 LowestPriority{}},
                                           Shape{"SpreadOut", 3, false, 9, Oldest{}}),
                         [](const auto& shape) { return std::string(shape.param.name); });

struct Once {
  std::atomic<int> runs = 0;
};

// Random lengths, safepoints and yields, so that starts meet every state of a worker.
void run_once(void* lengths, const void* record) {
  auto& seed = *static_cast<std::atomic<std::uint32_t>*>(lengths);
  std::minstd_rand random(seed.fetch_add(1, std::memory_order_relaxed));
  for (auto turns = random() % 64; turns > 0; --turns) {
    ContextPool::safepoint();
    if (random() % 32 == 0) ContextPool::yield();
  }
  ++const_cast<Once*>(static_cast<const Once*>(record))->runs;
}

TEST_P(ContextPoolStress, RunsEveryStartExactlyOnce) {
  const auto pool = open();
  std::vector<Once> records(kStarts);
  std::atomic<std::uint32_t> lengths = 1;
  for (int i = 0; i < kStarts; ++i) {
    const Start start{run_once, &lengths, &records[static_cast<std::size_t>(i)], "once", i % 3};
    const bool is_queued = i % 5 == 0;
    ASSERT_TRUE(eventually(
        [&] { return is_queued ? pool->submit(start) : pool->start(start) != Started::none; }));
  }
  ASSERT_TRUE(pool->drain(in(60s)));
  for (const Once& record : records) ASSERT_EQ(record.runs, 1);
  const ContextPool::Counters counters = pool->counters();
  EXPECT_EQ(counters.started, static_cast<std::uint64_t>(kStarts));
  EXPECT_EQ(counters.ended, counters.started);
  EXPECT_EQ(counters.resumed, counters.evictions);
}

// A computation that knows what it should look like: its chain, its registers, its floating-point
// control words and every byte of a block on its stack.
class Computation {
 public:
  static void run(void* self, const void* /*record*/) { static_cast<Computation*>(self)->run(); }

  void request_end() { may_end_ = true; }
  bool has_begun() const { return has_begun_; }
  int faults() const { return faults_; }
  const Chain& chain() const { return chain_; }

 private:
  void run() {
    const FloatControl control = FloatControl::truncating();
    control.write();
    const KeptRegisters registers = pattern_of(reinterpret_cast<std::uintptr_t>(this));
    std::array<std::uint8_t, 4096> block{};
    for (std::size_t i = 0; i < block.size(); ++i) block[i] = static_cast<std::uint8_t>(i * 7);
    asm volatile("" : : "r"(block.data()) : "memory");  // in memory, and not known afterwards
    has_begun_ = true;
    while (!may_end_) {
      if (registers_after([](void* chain) { advance_with_safepoints(chain); }, &chain_,
                          registers) != registers) {
        ++faults_;
      }
      if (FloatControl::read() != control) ++faults_;
      ::sched_yield();  // its processor may be shared with other hardware contexts
    }
    asm volatile("" : : "r"(block.data()) : "memory");
    for (std::size_t i = 0; i < block.size(); ++i) {
      if (block[i] != static_cast<std::uint8_t>(i * 7)) ++faults_;
    }
  }

  static void advance_with_safepoints(void* chain) {
    for (int i = 0; i < 100; ++i) {
      static_cast<Chain*>(chain)->advance();
      ContextPool::safepoint();
    }
  }

  Chain chain_;
  std::atomic<bool> has_begun_ = false;
  std::atomic<bool> may_end_ = false;
  std::atomic<int> faults_ = 0;
};

// An evicter that spoils whatever is not kept for its victim.
void spoil(void* ended, const void* /*record*/) {
  FloatControl spoilt = FloatControl::read();
#if defined(__x86_64__)
  spoilt.vector ^= 0x8000U;
  spoilt.x87 = static_cast<std::uint16_t>(spoilt.x87 ^ 0x0300U);
#endif
  spoilt.write();
  static_cast<void>(registers_after([](void*) {}, nullptr, pattern_of(99)));
  ++*static_cast<std::atomic<int>*>(ended);
}

TEST_P(ContextPoolStress, AnEvictedComputationLosesNothing) {
  if (std::holds_alternative<NoEviction>(GetParam().eviction)) {
    GTEST_SKIP() << "this pool evicts nothing";
  }
  const auto pool = open();
  std::vector<Computation> computations(pool->hardware_contexts());
  for (Computation& computation : computations) {
    ASSERT_TRUE(pool->submit({Computation::run, &computation, nullptr, "computation", 0}));
  }
  for (const Computation& computation : computations) {
    ASSERT_TRUE(eventually([&] { return computation.has_begun(); }));
  }
  std::atomic<int> ended = 0;
  for (int i = 0; i < kEvictions; ++i) {
    ASSERT_TRUE(eventually([&] {
      return pool->start({spoil, &ended, nullptr, "spoil", 1}) != Started::none;
    }));
  }
  for (Computation& computation : computations) computation.request_end();
  ASSERT_TRUE(pool->drain(in(60s)));
  EXPECT_EQ(ended, kEvictions);
  EXPECT_GT(pool->counters().evictions, 0U);
  EXPECT_EQ(pool->counters().resumed, pool->counters().evictions);
  for (const Computation& computation : computations) {
    EXPECT_EQ(computation.faults(), 0);
    Chain undisturbed;
    while (undisturbed.advances() < computation.chain().advances()) undisturbed.advance();
    EXPECT_EQ(computation.chain().value(), undisturbed.value());
  }
}

}  // namespace
}  // namespace smtni::threads
