#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <tl/expected.hpp>
#include <vector>

#include "core/cpu.h"
#include "core/expect.h"
#include "core/result.h"
#include "core/units.h"
#include "ni/fault.h"
#include "ni/region.h"

namespace smtni::ni {

struct TlbOptions {
  std::size_t entries = 64;  ///< in all; a power of two
  std::size_t ways = 4;      ///< entries that one page may be found in; a power of two
  Bytes page = 2 * kMiB;     ///< what one entry translates; a power of two
};

/// What an operation is about to do with a region's memory.
struct Want {
  RegionKey key = {};
  std::uint64_t virtual_address = 0;
  Bytes length = {};
  Rights rights = Rights::none;
};

/// Where the first byte lies in this process, the others behind it; or why none may be touched. Two
/// plain members stay in registers. A tl::expected is copied as one through memory, written in two
/// parts and read as a whole, which takes longer than the rest of a hit.
class [[nodiscard]] Translation {
 public:
  constexpr Translation(std::byte* host) noexcept : host_(host) {}  // implicit: not null
  constexpr Translation(tl::unexpected<Fault> fault) noexcept
      : fault_(fault.value()) {}  // implicit

  [[nodiscard]] constexpr explicit operator bool() const noexcept { return host_ != nullptr; }
  /// REQUIRES: it is one.
  [[nodiscard]] constexpr std::byte* operator*() const noexcept { return host_; }
  /// REQUIRES: it is none.
  [[nodiscard]] constexpr Fault error() const noexcept { return fault_; }

  friend constexpr bool operator==(const Translation&, const Translation&) noexcept = default;

 private:
  std::byte* host_ = nullptr;
  Fault fault_{};
};

/// What has happened at one TLB. A range of several pages is a hit or a miss for each.
struct TlbCounters {
  std::uint64_t hits = 0;
  std::uint64_t misses = 0;  ///< look-ups that walked the region table
  std::uint64_t unknown_key = 0;
  std::uint64_t stale_key = 0;
  std::uint64_t not_permitted = 0;
  std::uint64_t out_of_bounds = 0;
  TscCycles walked;  ///< time that the misses took; hits are not timed
};

/// The NI's own TLB: a set-associative cache of what the region table says of pages. A page is
/// found in the set that its number and its key's index select, and replaces the page there that
/// was used least recently, those of removed regions first.
///
/// THREADS: any, one at a time. The Access that a call asks for sees to that; counters too.
class NiTlb {
 public:
  static constexpr std::size_t kMaxEntries = std::size_t{1} << 16;
  static constexpr std::size_t kMaxWays = 64;  // a set is searched from one end to the other
  static constexpr Bytes kMinPage{kCacheLine};
  static constexpr Bytes kMaxPage{std::uint64_t{1} << 30};

  /// `invalid` when a number is no power of two or outside 1 to the above, or ways outnumber
  /// entries.
  static Result<NiTlb> create(const RegionTable& table, const TlbOptions& options = {});

  /// Translates the whole range, or nothing: a range that ends one byte beyond its region faults.
  /// The first reason in the order of Fault is told. A range of no bytes may also begin at the
  /// region's end; it needs no entry, and counts as neither hit nor miss.
  ///
  /// REQUIRES: `access` is to the table that this TLB was made for. ENSURES: the memory stays
  /// registered until `access` ends. COST: a page that hits, a search of its set; the walk of a
  /// miss, one look into the table. Bounded by the pages of the region.
  [[nodiscard]] Translation translate(const RegionTable::Access& access,
                                      const Want& want) noexcept {
    SMTNI_EXPECT_HOT(&access.records_ == records_.get());
    const std::uint64_t page = want.virtual_address >> page_shift_;
    Entry* const set = set_of(want.key, page);
    for (Entry* entry = set; entry != set + ways_; ++entry) {
      if (entry->page != page || entry->key != want.key || entry->epoch != access.epoch()) continue;
      const std::uint64_t offset = want.virtual_address - entry->first;
      // A length of 0 wraps to the largest count there is, and is left to translate_pages() too.
      if (!includes(entry->rights, want.rights) || offset > entry->last - entry->first ||
          want.length.count() - 1 > entry->last - want.virtual_address) {
        break;
      }
      entry->used = ++uses_;
      ++counters_.hits;
      return entry->host + offset;
    }
    return translate_pages(access, want);
  }

  [[nodiscard]] const TlbCounters& counters(const RegionTable::Access& access) const noexcept {
    SMTNI_EXPECT(&access.records_ == records_.get());
    return counters_;
  }

 private:
  // The part of one region that lies in one page. Right as long as the region is registered: that
  // is, while the epoch is the table's; else when the key is still found, with a region that was
  // registered by then.
  struct alignas(kCacheLine) Entry {
    std::uint64_t page = 0;   // the page's number
    std::uint64_t epoch = 0;  // the table's when last known to be right; 0: empty
    std::uint64_t first = 0;  // virtual addresses of the first and the last byte
    std::uint64_t last = 0;
    std::byte* host = nullptr;  // where the first byte lies
    std::uint64_t used = 0;     // uses_ at its last use
    RegionKey key;
    Rights rights = Rights::none;
  };
  static_assert(sizeof(Entry) == kCacheLine);

  NiTlb(const RegionTable& table, const TlbOptions& options);

  [[nodiscard]] Entry* set_of(RegionKey key, std::uint64_t page) noexcept {
    return entries_.data() + (((page + key.index()) & set_mask_) << ways_shift_);
  }

  Translation translate_pages(const RegionTable::Access& access, const Want& want) noexcept;
  Translation translate_nothing(const RegionTable::Access& access, const Want& want) noexcept;
  // Null: a miss.
  Entry* look_up(const RegionTable::Access& access, const Want& want, std::uint64_t page) noexcept;
  tl::expected<Entry*, Fault> miss(const RegionTable::Access& access, const Want& want,
                                   std::uint64_t page) noexcept;
  tl::expected<Entry*, Fault> walk(const RegionTable::Access& access, const Want& want,
                                   std::uint64_t page) noexcept;
  [[nodiscard]] static bool is_right(const RegionTable::Access& access,
                                     const Entry& entry) noexcept;
  Entry* victim(const RegionTable::Access& access, Entry* set) noexcept;
  tl::unexpected<Fault> faulted(Fault fault) noexcept;

  std::shared_ptr<const RegionRecords> records_;
  std::vector<Entry> entries_;  // set by set
  std::uint64_t set_mask_;
  std::size_t ways_;
  unsigned ways_shift_;
  unsigned page_shift_;
  std::uint64_t uses_ = 0;
  TlbCounters counters_;
};

}  // namespace smtni::ni
