#include "ni/tlb.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <limits>
#include <type_traits>
#include <vector>

namespace smtni::ni {
namespace {

// A translation without the table's lock does not compile, nor with one that ends at once.
static_assert(!std::is_invocable_v<decltype(&NiTlb::translate), NiTlb&, const RegionTable&, Want>);
static_assert(
    std::is_invocable_v<decltype(&NiTlb::translate), NiTlb&, const RegionTable::Access&, Want>);
static_assert(!std::is_convertible_v<const RegionTable&, const RegionTable::Access&>);
static_assert(std::is_trivially_copyable_v<Translation> && sizeof(Translation) == 16);

constexpr Rights kPut = Rights::remote_write;
constexpr std::uint64_t kPage = 4096;
constexpr std::uint64_t kTop = std::numeric_limits<std::uint64_t>::max();

// Eight pages of memory, named by addresses that start at a page's start.
class Tlb : public testing::Test {
 protected:
  static constexpr std::uint64_t kBase = 0x1000'0000;

  Tlb() : memory_(8 * kPage), region_(*table_.add(memory_, kPut, {.virtual_address = kBase})) {}

  Translation translate(NiTlb& tlb, const Want& want) {
    const RegionTable::Access access(table_);
    return tlb.translate(access, want);
  }
  Translation put(NiTlb& tlb, std::uint64_t virtual_address, std::uint64_t length) {
    return translate(tlb, {.key = region_.key(),
                           .virtual_address = virtual_address,
                           .length = Bytes(length),
                           .rights = kPut});
  }
  /// Touches one byte of a page of the region.
  void touch(NiTlb& tlb, std::uint64_t page) {
    ASSERT_EQ(put(tlb, kBase + page * kPage, 1), memory_.data() + page * kPage);
  }
  TlbCounters counters(const NiTlb& tlb) {
    const RegionTable::Access access(table_);
    return tlb.counters(access);
  }
  /// Hits and misses so far.
  std::array<std::uint64_t, 2> score(const NiTlb& tlb) {
    return {counters(tlb).hits, counters(tlb).misses};
  }
  NiTlb open(const TlbOptions& options = {.page = 4 * kKiB}) {
    return *NiTlb::create(table_, options);
  }

  using Score = std::array<std::uint64_t, 2>;

  RegionTable table_;
  std::vector<std::byte> memory_;
  Region region_;
};

TEST_F(Tlb, TranslatesToTheBytesThatWereRegistered) {
  NiTlb tlb = open();
  EXPECT_EQ(put(tlb, kBase, 1), memory_.data());
  EXPECT_EQ(put(tlb, kBase + 5, 8), memory_.data() + 5);
  EXPECT_EQ(put(tlb, kBase + 3 * kPage + 100, 8), memory_.data() + 3 * kPage + 100);
  EXPECT_EQ(put(tlb, kBase, 8 * kPage), memory_.data());
}

TEST_F(Tlb, TranslatesRealAddressesToThemselves) {
  NiTlb tlb = open();
  std::array<std::byte, 24> near{};
  const Region region = *table_.add(near, Rights::local);
  EXPECT_EQ(translate(tlb, {.key = region.key(),
                            .virtual_address = region.virtual_address() + 8,
                            .length = Bytes(16),
                            .rights = Rights::local}),
            near.data() + 8);
}

TEST_F(Tlb, MissesAPageOnceThenHits) {
  NiTlb tlb = open();
  touch(tlb, 0);
  EXPECT_EQ(score(tlb), (Score{0, 1}));
  touch(tlb, 0);
  EXPECT_EQ(put(tlb, kBase + kPage - 1, 1), memory_.data() + kPage - 1);
  EXPECT_EQ(score(tlb), (Score{2, 1}));
  touch(tlb, 1);
  EXPECT_EQ(score(tlb), (Score{2, 2}));
}

TEST_F(Tlb, TimesTheWalksOnly) {
  NiTlb tlb = open();
  EXPECT_EQ(counters(tlb).walked, TscCycles(0));
  touch(tlb, 0);
  const TscCycles walked = counters(tlb).walked;
  EXPECT_GT(walked, TscCycles(0));
  touch(tlb, 0);
  EXPECT_EQ(counters(tlb).walked, walked);
}

TEST_F(Tlb, LooksUpEveryPageOfARange) {
  NiTlb tlb = open();
  EXPECT_EQ(put(tlb, kBase + kPage - 1, 2), memory_.data() + kPage - 1);
  EXPECT_EQ(score(tlb), (Score{0, 2}));
  EXPECT_EQ(put(tlb, kBase + 1, 3 * kPage), memory_.data() + 1);  // pages 0 to 3
  EXPECT_EQ(score(tlb), (Score{2, 4}));
  EXPECT_EQ(put(tlb, kBase, 4 * kPage), memory_.data());
  EXPECT_EQ(score(tlb), (Score{6, 4}));
}

TEST_F(Tlb, ReplacesThePageUsedLeastRecently) {
  NiTlb tlb = open({.entries = 4, .ways = 4, .page = 4 * kKiB});
  for (const std::uint64_t page : {0U, 1U, 2U, 3U}) touch(tlb, page);
  touch(tlb, 0);  // 1 is now the oldest
  EXPECT_EQ(score(tlb), (Score{1, 4}));
  touch(tlb, 4);  // takes the entry of 1
  for (const std::uint64_t page : {0U, 2U, 3U, 4U}) touch(tlb, page);
  EXPECT_EQ(score(tlb), (Score{5, 5}));
  touch(tlb, 1);  // takes the entry of 0
  EXPECT_EQ(score(tlb), (Score{5, 6}));
  for (const std::uint64_t page : {2U, 3U, 4U}) touch(tlb, page);
  EXPECT_EQ(score(tlb), (Score{8, 6}));
  touch(tlb, 0);
  EXPECT_EQ(score(tlb), (Score{8, 7}));
}

TEST_F(Tlb, LetsPagesOfOneSetConflict) {
  NiTlb direct = open({.entries = 4, .ways = 1, .page = 4 * kKiB});
  for (int round = 0; round < 3; ++round) {
    touch(direct, 0);
    touch(direct, 4);  // the same set
  }
  EXPECT_EQ(score(direct), (Score{0, 6}));
  for (int round = 0; round < 3; ++round) {
    touch(direct, 1);
    touch(direct, 2);  // sets of their own
  }
  EXPECT_EQ(score(direct), (Score{4, 8}));

  NiTlb two_ways = open({.entries = 4, .ways = 2, .page = 4 * kKiB});
  for (int round = 0; round < 3; ++round) {
    touch(two_ways, 0);
    touch(two_ways, 4);
  }
  EXPECT_EQ(score(two_ways), (Score{4, 2}));
  touch(two_ways, 2);  // the third page of the set: takes the entry of 0
  touch(two_ways, 0);
  EXPECT_EQ(score(two_ways), (Score{4, 4}));
}

TEST_F(Tlb, HasPagesOfTheSizeAskedFor) {
  NiTlb tlb = open({.page = Bytes(64)});
  EXPECT_EQ(put(tlb, kBase, 256), memory_.data());
  EXPECT_EQ(score(tlb), (Score{0, 4}));
  NiTlb large = open({.page = 1 * kMiB});
  EXPECT_EQ(put(large, kBase, 8 * kPage), memory_.data());
  EXPECT_EQ(score(large), (Score{0, 1}));
}

TEST_F(Tlb, TellsRegionsAtOneAddressApart) {
  NiTlb tlb = open();
  std::vector<std::byte> other(kPage);
  const Region second = *table_.add(other, kPut, {.virtual_address = kBase});
  const Want want{
      .key = second.key(), .virtual_address = kBase, .length = Bytes(1), .rights = kPut};
  touch(tlb, 0);
  EXPECT_EQ(translate(tlb, want), other.data());
  touch(tlb, 0);
  EXPECT_EQ(translate(tlb, want), other.data());
  EXPECT_EQ(score(tlb), (Score{2, 2}));
}

// What a region does not allow faults alike whether or not a page of it has been translated before.
class TlbFault : public Tlb, public testing::WithParamInterface<bool> {
 protected:
  NiTlb open_for_faults() {
    NiTlb tlb = open();
    if (GetParam()) {
      EXPECT_TRUE(put(tlb, kBase, 8 * kPage));
    }
    return tlb;
  }
  static Fault of(const Translation& translation) { return translation.error(); }
};

TEST_P(TlbFault, OneByteBeyondTheRegion) {
  NiTlb tlb = open_for_faults();
  const std::uint64_t end = kBase + 8 * kPage;
  EXPECT_EQ(put(tlb, end - 1, 1), memory_.data() + 8 * kPage - 1);
  EXPECT_EQ(put(tlb, end - 8, 8), memory_.data() + 8 * kPage - 8);
  EXPECT_EQ(of(put(tlb, end - 8, 9)), Fault::out_of_bounds);
  EXPECT_EQ(of(put(tlb, end, 1)), Fault::out_of_bounds);
  EXPECT_EQ(of(put(tlb, kBase - 1, 1)), Fault::out_of_bounds);
  EXPECT_EQ(of(put(tlb, kBase - 1, 8)), Fault::out_of_bounds);
  EXPECT_EQ(of(put(tlb, kBase, 8 * kPage + 1)), Fault::out_of_bounds);
  EXPECT_EQ(counters(tlb).out_of_bounds, 5U);
}

TEST_P(TlbFault, OneByteBeyondARegionThatEndsWithinAPage) {
  NiTlb tlb = open_for_faults();
  alignas(8) std::array<std::byte, 104> small{};
  const Region region = *table_.add(small, kPut, {.virtual_address = 0x5008});
  const auto put_small = [&](std::uint64_t at, std::uint64_t length) {
    return translate(
        tlb, {.key = region.key(), .virtual_address = at, .length = Bytes(length), .rights = kPut});
  };
  if (GetParam()) {
    EXPECT_TRUE(put_small(0x5008, 104));
  }
  EXPECT_EQ(put_small(0x5008, 104), small.data());
  EXPECT_EQ(of(put_small(0x5008, 105)), Fault::out_of_bounds);
  EXPECT_EQ(of(put_small(0x5007, 1)), Fault::out_of_bounds);
  EXPECT_EQ(of(put_small(0x5070, 1)), Fault::out_of_bounds);
  EXPECT_EQ(of(put_small(0x5071, 1)), Fault::out_of_bounds);
  EXPECT_EQ(of(put_small(0x5FFF, 1)), Fault::out_of_bounds);
  EXPECT_EQ(of(put_small(0x5FFF, 2)), Fault::out_of_bounds);
  EXPECT_EQ(put_small(0x506F, 1), small.data() + 103);
}

TEST_P(TlbFault, AddressPlusLengthThatOverflows) {
  NiTlb tlb = open_for_faults();
  EXPECT_EQ(of(put(tlb, kBase, kTop)), Fault::out_of_bounds);
  EXPECT_EQ(of(put(tlb, kBase + 1, kTop)), Fault::out_of_bounds);
  EXPECT_EQ(of(put(tlb, kBase + 8 * kPage - 1, kTop - kBase)), Fault::out_of_bounds);
  EXPECT_EQ(of(put(tlb, kTop, 2)), Fault::out_of_bounds);
  EXPECT_EQ(of(put(tlb, kTop, kTop)), Fault::out_of_bounds);
}

TEST_P(TlbFault, ARangeThatWrapsAtTheLastAddress) {
  NiTlb tlb = open_for_faults();
  alignas(8) std::array<std::byte, 16> top{};
  alignas(8) std::array<std::byte, 16> zero{};
  const Region last = *table_.add(top, kPut, {.virtual_address = kTop - 15});
  const Region first = *table_.add(zero, kPut, {.virtual_address = 0});
  const auto put_last = [&](std::uint64_t at, std::uint64_t length) {
    return translate(
        tlb, {.key = last.key(), .virtual_address = at, .length = Bytes(length), .rights = kPut});
  };
  EXPECT_EQ(put_last(kTop - 15, 16), top.data());
  EXPECT_EQ(put_last(kTop, 1), top.data() + 15);
  EXPECT_EQ(of(put_last(kTop, 2)), Fault::out_of_bounds);
  EXPECT_EQ(of(put_last(kTop - 15, 17)), Fault::out_of_bounds);
  EXPECT_EQ(of(put_last(0, 1)), Fault::out_of_bounds);
}

TEST_P(TlbFault, RightsThatWereNotGiven) {
  NiTlb tlb = open_for_faults();
  Want want{
      .key = region_.key(), .virtual_address = kBase, .length = Bytes(8), .rights = Rights::none};
  for (const Rights missing : {Rights::remote_read, Rights::remote_atomic, Rights::local,
                               Rights::remote_read | Rights::remote_write}) {
    want.rights = missing;
    EXPECT_EQ(of(translate(tlb, want)), Fault::not_permitted);
  }
  EXPECT_EQ(counters(tlb).not_permitted, 4U);
}

TEST_P(TlbFault, AKeyOfTheWrongGeneration) {
  NiTlb tlb = open_for_faults();
  const RegionKey good = region_.key();
  const auto wrong = static_cast<std::uint16_t>(good.generation() + 1);
  Want want{.key = RegionKey(good.index(), wrong),
            .virtual_address = kBase,
            .length = Bytes(1),
            .rights = kPut};
  EXPECT_EQ(of(translate(tlb, want)), Fault::stale_key);
  want.key = RegionKey(good.index(), 0);
  EXPECT_EQ(of(translate(tlb, want)), Fault::unknown_key);
  want.key = RegionKey(static_cast<std::uint16_t>(good.index() + 1), good.generation());
  EXPECT_EQ(of(translate(tlb, want)), Fault::unknown_key);
  EXPECT_EQ(counters(tlb).stale_key, 1U);
  EXPECT_EQ(counters(tlb).unknown_key, 2U);
}

TEST_P(TlbFault, TellsTheKeyBeforeTheRightBeforeTheBounds) {
  NiTlb tlb = open_for_faults();
  Want want{.key = RegionKey(),
            .virtual_address = kTop,
            .length = Bytes(kTop),
            .rights = Rights::remote_read};
  EXPECT_EQ(of(translate(tlb, want)), Fault::unknown_key);
  want.key = region_.key();
  EXPECT_EQ(of(translate(tlb, want)), Fault::not_permitted);
  want.rights = kPut;
  EXPECT_EQ(of(translate(tlb, want)), Fault::out_of_bounds);
}

TEST_P(TlbFault, ALengthOfZeroOutsideTheRegion) {
  NiTlb tlb = open_for_faults();
  const Score before = score(tlb);
  EXPECT_EQ(put(tlb, kBase, 0), memory_.data());
  EXPECT_EQ(put(tlb, kBase + 17, 0), memory_.data() + 17);
  EXPECT_EQ(put(tlb, kBase + 8 * kPage, 0), memory_.data() + 8 * kPage);
  EXPECT_EQ(of(put(tlb, kBase + 8 * kPage + 1, 0)), Fault::out_of_bounds);
  EXPECT_EQ(of(put(tlb, kBase - 1, 0)), Fault::out_of_bounds);
  EXPECT_EQ(of(translate(tlb, {.key = RegionKey(), .virtual_address = kBase, .rights = kPut})),
            Fault::unknown_key);
  EXPECT_EQ(
      of(translate(
          tlb, {.key = region_.key(), .virtual_address = kBase, .rights = Rights::remote_read})),
      Fault::not_permitted);
  EXPECT_EQ(score(tlb), before);
}

INSTANTIATE_TEST_SUITE_P(, TlbFault, testing::Bool(), [](const auto& instance) {
  return instance.param ? "AfterItsPagesWereUsed" : "AtFirstUse";
});

TEST_F(Tlb, ForgetsARemovedRegion) {
  NiTlb tlb = open();
  const RegionKey key = region_.key();
  touch(tlb, 0);
  region_.remove();
  const Translation after =
      translate(tlb, {.key = key, .virtual_address = kBase, .length = Bytes(1), .rights = kPut});
  ASSERT_FALSE(after);
  EXPECT_EQ(after.error(), Fault::stale_key);
}

TEST_F(Tlb, KeepsOtherRegionsWhenOneIsRemoved) {
  NiTlb tlb = open();
  std::vector<std::byte> other(kPage);
  Region second = *table_.add(other, kPut);
  touch(tlb, 0);
  second.remove();
  touch(tlb, 0);
  touch(tlb, 0);
  EXPECT_EQ(score(tlb), (Score{2, 1}));
}

TEST_F(Tlb, ReplacesPagesOfRemovedRegionsFirst) {
  NiTlb tlb = open({.entries = 2, .ways = 2, .page = 4 * kKiB});
  touch(tlb, 0);
  std::vector<std::byte> other(kPage);
  Region second = *table_.add(other, kPut, {.virtual_address = kBase});
  EXPECT_TRUE(translate(
      tlb, {.key = second.key(), .virtual_address = kBase, .length = Bytes(1), .rights = kPut}));
  second.remove();
  touch(tlb, 1);  // takes the younger entry, which is of no use
  touch(tlb, 0);
  EXPECT_EQ(score(tlb), (Score{1, 3}));
}

// The key comes back after 65,535 regions at its place, with memory elsewhere; the entry of its
// first owner is still in the TLB.
TEST_F(Tlb, DoesNotTakeAKeyThatCameBackForTheOldOne) {
  NiTlb tlb = open();
  std::vector<Region> others;
  for (int count = 0; count < 4095; ++count) others.push_back(*table_.add(memory_, kPut));
  const RegionKey key = region_.key();
  touch(tlb, 0);
  std::vector<std::byte> elsewhere(kPage);
  region_.remove();
  for (int generation = 0; generation < 65'535; ++generation) {
    region_.remove();
    region_ = *table_.add(elsewhere, kPut, {.virtual_address = kBase});
  }
  ASSERT_EQ(region_.key(), key);
  EXPECT_EQ(put(tlb, kBase, 1), elsewhere.data());
}

TEST_F(Tlb, RefusesAbsurdShapes) {
  const auto kind = [&](const TlbOptions& options) {
    const Result<NiTlb> tlb = NiTlb::create(table_, options);
    return tlb ? Error::Kind::closed : tlb.error().kind;
  };
  for (const std::size_t entries : {0U, 3U, 63U, 131'072U}) {
    EXPECT_EQ(kind({.entries = entries, .ways = 1}), Error::Kind::invalid) << entries;
  }
  for (const std::size_t ways : {0U, 3U, 128U}) {
    EXPECT_EQ(kind({.entries = 256, .ways = ways}), Error::Kind::invalid) << ways;
  }
  EXPECT_EQ(kind({.entries = 2, .ways = 4}), Error::Kind::invalid);
  for (const std::uint64_t page : {0ULL, 32ULL, 4095ULL, 1ULL << 31}) {
    EXPECT_EQ(kind({.page = Bytes(page)}), Error::Kind::invalid) << page;
  }
  EXPECT_TRUE(NiTlb::create(table_, {.entries = 1, .ways = 1, .page = Bytes(1ULL << 30)}));
  EXPECT_TRUE(NiTlb::create(table_, {.entries = 65'536, .ways = 64, .page = Bytes(64)}));
  EXPECT_EQ(NiTlb::create(table_, {.ways = 3}).error().what,
            "open an NI TLB with 3 ways; accepted: a power of two from 1 to 64");
}

}  // namespace
}  // namespace smtni::ni
