// Regions are removed while another thread moves bytes into them. What this can show: a byte that
// is moved after remove() has returned, by its value anywhere and as a race under TSan; a
// translation that outlives its region. What it cannot: a missing release on x86 without TSan.
#include <gtest/gtest.h>
#include <sched.h>

#include <atomic>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

#include "core/deadline.h"
#include "ni/region.h"
#include "ni/tlb.h"

namespace smtni::ni {
namespace {

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr int kRegions = 500;
#else
constexpr int kRegions = 3'000;
#endif

constexpr std::size_t kSize = 3 * 4096 + 40;
constexpr std::byte kMoved{0xAA};
constexpr std::byte kMine{0x55};

TEST(RegionStress, NobodyWritesARemovedRegion) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  const Deadline until = in(std::chrono::seconds(30));
  RegionTable table;
  std::vector<std::byte> memory(kSize);
  std::atomic<std::uint32_t> published{0};  // word of the latest key
  std::atomic<bool> is_done{false};

  std::thread ni([&] {
    NiTlb tlb = *NiTlb::create(table, {.entries = 8, .ways = 2});
    std::mt19937 random(seed);
    while (!is_done.load(std::memory_order_acquire)) {
      // Without the lock: it is not fair, and whoever takes it again at once keeps others out.
      if (random() % 2 == 0) ::sched_yield();
      const std::size_t at = random() % kSize;
      const std::size_t length = random() % (kSize - at) + 1;
      // relaxed: the key alone; what it names is read under the table's lock.
      const auto key = RegionKey::from_word(published.load(std::memory_order_relaxed));
      const auto base = reinterpret_cast<std::uintptr_t>(memory.data());
      const RegionTable::Access access(table);
      const Translation to = tlb.translate(access, {.key = key,
                                                    .virtual_address = base + at,
                                                    .length = Bytes(length),
                                                    .rights = Rights::remote_write});
      if (to) std::memset(*to, std::to_integer<int>(kMoved), length);
    }
  });

  std::mt19937 random(seed + 1);
  int written_regions = 0;
  int count = 0;
  // And until the two have met.
  for (; (count < kRegions || written_regions == 0) && !has_passed(until); ++count) {
    {
      const Region region = *table.add(memory, Rights::remote_write);
      published.store(region.key().word(), std::memory_order_relaxed);
      if (random() % 4 == 0) ::sched_yield();
    }
    // From here on the memory is this thread's alone, without any lock.
    if (std::memchr(memory.data(), std::to_integer<int>(kMoved), kSize) != nullptr) {
      ++written_regions;
    }
    std::memset(memory.data(), std::to_integer<int>(kMine), kSize);
    if (random() % 4 == 0) ::sched_yield();
    const std::size_t at = random() % kSize;
    if (memory[at] != kMine) {
      ADD_FAILURE() << "written after its removal, in round " << count;
      break;
    }
  }
  is_done.store(true, std::memory_order_release);
  ni.join();
  EXPECT_GE(count, kRegions);
  EXPECT_GT(written_regions, 0) << "the two never met: this run shows nothing";
}

TEST(RegionStress, ThreadsAddAndRemoveSideBySide) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  RegionTable table;
  std::atomic<int> wrong{0};
  const auto work = [&](unsigned offset) {
    std::mt19937 random(seed + offset);
    std::vector<std::byte> memory(64);
    std::vector<Region> regions(16);
    for (int round = 0; round < kRegions; ++round) {
      Region& region = regions[random() % regions.size()];
      region = *table.add(memory, Rights::local);
      const RegionTable::Access access(table);
      const auto found = access.find(region.key());
      // relaxed: a count, read after the join.
      if (!found || (*found)->memory != memory.data())
        wrong.fetch_add(1, std::memory_order_relaxed);
    }
  };
  std::thread one(work, 1);
  std::thread two(work, 2);
  one.join();
  two.join();
  EXPECT_EQ(wrong.load(std::memory_order_relaxed), 0);
}

}  // namespace
}  // namespace smtni::ni
