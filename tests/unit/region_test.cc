#include "ni/region.h"

#include <gtest/gtest.h>

#include <array>
#include <limits>
#include <type_traits>
#include <utility>
#include <vector>

namespace smtni::ni {
namespace {

static_assert(!std::is_copy_constructible_v<Region> && !std::is_copy_assignable_v<Region>);
static_assert(!std::is_move_constructible_v<RegionTable::Access>);
static_assert(sizeof(RegionKey) == 4);

constexpr Rights kEverything =
    Rights::remote_read | Rights::remote_write | Rights::remote_atomic | Rights::local;

Fault fault_of(const RegionTable& table, RegionKey key) {
  const RegionTable::Access access(table);
  return access.find(key).error();
}

std::span<std::byte> span_at(std::uintptr_t address, std::size_t size) {
  return {reinterpret_cast<std::byte*>(address), size};
}

TEST(RegionKey, KeepsIndexAndGeneration) {
  const RegionKey key(0x1234, 0xABCD);
  EXPECT_EQ(key.word(), 0xABCD1234U);
  EXPECT_EQ(RegionKey::from_word(0xABCD1234U), key);
  EXPECT_EQ(key.index(), 0x1234);
  EXPECT_EQ(key.generation(), 0xABCD);
}

TEST(Rights, IncludeWhatIsThereAndNothingElse) {
  const Rights given = Rights::remote_read | Rights::local;
  EXPECT_TRUE(includes(given, Rights::remote_read));
  EXPECT_TRUE(includes(given, Rights::remote_read | Rights::local));
  EXPECT_TRUE(includes(given, Rights::none));
  EXPECT_FALSE(includes(given, Rights::remote_write));
  EXPECT_FALSE(includes(given, Rights::remote_read | Rights::remote_write));
}

TEST(RegionTable, FindsWhatWasAdded) {
  RegionTable table;
  std::array<std::byte, 100> memory{};
  const Region region = *table.add(memory, Rights::remote_write);
  EXPECT_EQ(region.memory().data(), memory.data());
  EXPECT_EQ(region.memory().size(), 100U);
  EXPECT_EQ(region.rights(), Rights::remote_write);
  EXPECT_EQ(region.virtual_address(), reinterpret_cast<std::uintptr_t>(memory.data()));
  EXPECT_NE(region.key().generation(), 0);

  const RegionTable::Access access(table);
  const auto found = access.find(region.key());
  ASSERT_TRUE(found);
  EXPECT_EQ((*found)->memory, memory.data());
  EXPECT_EQ((*found)->size, 100U);
  EXPECT_EQ((*found)->rights, Rights::remote_write);
}

TEST(RegionTable, KeepsAVirtualAddressOfItsOwn) {
  RegionTable table;
  alignas(8) std::array<std::byte, 8> memory{};
  const Region region = *table.add(memory, kEverything, {.virtual_address = 0x7000});
  EXPECT_EQ(region.virtual_address(), 0x7000U);
  EXPECT_EQ(region.memory().data(), memory.data());
}

TEST(RegionTable, RefusesWhatIsNoRegion) {
  RegionTable table;
  alignas(8) std::array<std::byte, 16> memory{};
  const std::span all(memory);
  constexpr std::uint64_t kTop = std::numeric_limits<std::uint64_t>::max();
  const auto kind = [&](std::span<std::byte> span, Rights rights, RegionOptions options = {}) {
    return table.add(span, rights, options).error().kind;
  };
  EXPECT_EQ(kind({}, kEverything), Error::Kind::invalid);
  EXPECT_EQ(kind(span_at(0x1000, (std::size_t{1} << 47) + 1), kEverything), Error::Kind::invalid);
  EXPECT_EQ(kind(span_at(kTop - 7, 9), kEverything), Error::Kind::invalid);
  EXPECT_EQ(kind(all, Rights::none), Error::Kind::invalid);
  EXPECT_EQ(kind(all, static_cast<Rights>(16)), Error::Kind::invalid);
  EXPECT_EQ(kind(all, kEverything, {.virtual_address = kTop - 7}), Error::Kind::invalid);
  EXPECT_EQ(kind(all, kEverything, {.virtual_address = 0x7004}), Error::Kind::invalid);
  EXPECT_TRUE(table.add(all, kEverything, {.virtual_address = kTop - 15}));
}

TEST(RegionTable, TellsWhichSizesItAccepts) {
  RegionTable table;
  EXPECT_EQ(table.add({}, kEverything).error().what,
            "register a region: 0 bytes; accepted: 1 to 140737488355328");
}

TEST(RegionTable, WouldBlockWhenAllPlacesAreTaken) {
  RegionTable table;
  std::array<std::byte, 8> memory{};
  std::vector<Region> regions;
  for (int count = 0; count < 4096; ++count) {
    regions.push_back(*table.add(memory, Rights::local));
  }
  const Result<Region> refused = table.add(memory, Rights::local);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, Error::Kind::would_block);
  EXPECT_EQ(refused.error().what, "register a region: all 4096 places of the table are taken");

  regions.erase(regions.begin() + 17);
  EXPECT_TRUE(table.add(memory, Rights::local));
}

TEST(RegionTable, RefusesTheKeyOfARemovedRegion) {
  RegionTable table;
  std::array<std::byte, 8> memory{};
  Region region = *table.add(memory, Rights::local);
  const RegionKey key = region.key();
  region.remove();
  EXPECT_EQ(region.key(), RegionKey());
  EXPECT_TRUE(region.memory().empty());
  EXPECT_EQ(fault_of(table, key), Fault::stale_key);
  region.remove();  // does nothing
  EXPECT_EQ(fault_of(table, key), Fault::stale_key);
}

TEST(RegionTable, GivesAPlaceAnotherGenerationEachTime) {
  RegionTable table;
  std::array<std::byte, 8> memory{};
  // All other places stay taken, so that one place is used again and again.
  std::vector<Region> others;
  for (int count = 0; count < 4095; ++count) others.push_back(*table.add(memory, Rights::local));
  RegionKey last;
  for (int generation = 1; generation <= 65'535; ++generation) {
    const Region region = *table.add(memory, Rights::local);
    ASSERT_EQ(region.key(), RegionKey(4095, static_cast<std::uint16_t>(generation)));
    if (generation > 1) {
      ASSERT_EQ(fault_of(table, last), Fault::stale_key);
    }
    last = region.key();
  }
  const Region wrapped = *table.add(memory, Rights::local);
  EXPECT_EQ(wrapped.key(), RegionKey(4095, 1)) << "0 is no generation";
}

TEST(RegionTable, DoesNotKnowKeysThatItNeverGave) {
  RegionTable table;
  std::array<std::byte, 8> memory{};
  const Region region = *table.add(memory, Rights::local);
  EXPECT_EQ(fault_of(table, RegionKey()), Fault::unknown_key);
  EXPECT_EQ(fault_of(table, RegionKey(region.key().index(), 0)), Fault::unknown_key);
  EXPECT_EQ(fault_of(table, RegionKey(1000, 1)), Fault::unknown_key);
  EXPECT_EQ(fault_of(table, RegionKey(4096, 1)), Fault::unknown_key);
  EXPECT_EQ(fault_of(table, RegionKey(65'535, 65'535)), Fault::unknown_key);
}

TEST(Region, RemovesItselfAtTheEndOfItsScope) {
  RegionTable table;
  std::array<std::byte, 8> memory{};
  RegionKey key;
  {
    const Region region = *table.add(memory, Rights::local);
    key = region.key();
  }
  EXPECT_EQ(fault_of(table, key), Fault::stale_key);
}

TEST(Region, MovesWithItsRegistration) {
  RegionTable table;
  std::array<std::byte, 8> memory{};
  Region first = *table.add(memory, Rights::local);
  Region second = *table.add(memory, Rights::local);
  const RegionKey first_key = first.key();
  const RegionKey second_key = second.key();

  second = std::move(first);
  EXPECT_EQ(second.key(), first_key);
  EXPECT_EQ(fault_of(table, second_key), Fault::stale_key) << "what it held before is removed";
  EXPECT_EQ(first.key(), RegionKey());  // NOLINT(bugprone-use-after-move): empty, by contract
  const RegionTable::Access access(table);
  EXPECT_TRUE(access.find(first_key));
}

TEST(Region, MayOutliveTheTable) {
  std::array<std::byte, 8> memory{};
  Region region;
  {
    RegionTable table;
    region = *table.add(memory, Rights::local);
  }
  region.remove();
  EXPECT_EQ(region.key(), RegionKey());
}

TEST(Fault, HasANameEach) {
  EXPECT_EQ(name_of(Fault::unknown_key), "unknown_key");
  EXPECT_EQ(name_of(Fault::stale_key), "stale_key");
  EXPECT_EQ(name_of(Fault::not_permitted), "not_permitted");
  EXPECT_EQ(name_of(Fault::out_of_bounds), "out_of_bounds");
}

}  // namespace
}  // namespace smtni::ni
