#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <tl/expected.hpp>
#include <vector>

#include "core/cpu.h"
#include "core/result.h"
#include "core/spin_lock.h"
#include "core/units.h"
#include "ni/fault.h"

/// \file
/// Registered regions: the only memory that the NI reads and writes for others, named by a key. The
/// table is the truth about them; tlb.h caches what it says.
///
/// One lock guards the table. Whoever uses an address that it led to holds the lock while the bytes
/// move, as an `Access`. So removal waits for the operation under way, and ends it for good:
///
///   [moved]    an Access ends, unlock   ->  remove() locks: all bytes are there, none comes later
///   [removed]  remove() unlocks         ->  an Access begins, lock: the region is gone
///
/// Both are the edge [lock] of core/spin_lock.h.
namespace smtni::ni {

/// What the NI may do with a region. Rights combine with `|`.
enum class Rights : std::uint8_t {
  none = 0,
  remote_read = 1 << 0,    ///< others may get from it
  remote_write = 1 << 1,   ///< others may put into it
  remote_atomic = 1 << 2,  ///< others may fetch_add and compare_swap in it
  local = 1 << 3,          ///< requests of its own process may name it as their near end
};

[[nodiscard]] constexpr Rights operator|(Rights a, Rights b) noexcept {
  return static_cast<Rights>(static_cast<unsigned>(a) | static_cast<unsigned>(b));
}
[[nodiscard]] constexpr bool includes(Rights given, Rights wanted) noexcept {
  return (static_cast<unsigned>(wanted) & ~static_cast<unsigned>(given)) == 0;
}

/// Names one region of one table. The key of a removed region names nothing: its place may be used
/// again, but with another generation. Generations of one place repeat after 65,535 regions.
class RegionKey {
 public:
  constexpr RegionKey() noexcept = default;  ///< no region
  constexpr RegionKey(std::uint16_t index, std::uint16_t generation) noexcept
      : word_(std::uint32_t{generation} << 16 | index) {}
  /// The key that word() came from.
  static constexpr RegionKey from_word(std::uint32_t word) noexcept {
    RegionKey key;
    key.word_ = word;
    return key;
  }

  [[nodiscard]] constexpr std::uint16_t index() const noexcept {
    return static_cast<std::uint16_t>(word_);
  }
  /// Never 0 in the key of a region.
  [[nodiscard]] constexpr std::uint16_t generation() const noexcept {
    return static_cast<std::uint16_t>(word_ >> 16);
  }
  /// What travels in a work request.
  [[nodiscard]] constexpr std::uint32_t word() const noexcept { return word_; }

  friend constexpr auto operator<=>(RegionKey, RegionKey) noexcept = default;

 private:
  std::uint32_t word_ = 0;
};

struct RegionOptions {
  /// The address by which others name the first byte; without one, where the memory lies in this
  /// process. It equals the memory's address modulo 8, so that aligned words stay aligned.
  std::optional<std::uint64_t> virtual_address = std::nullopt;
};

/// What the table knows of one place. Read and written under the table's lock.
struct RegionRecord {
  std::byte* memory = nullptr;
  std::uint64_t size = 0;
  std::uint64_t virtual_address = 0;
  /// RegionRecords::epoch when it was registered.
  std::uint64_t since = 0;
  RegionKey key = {};            // generation 0: the place has not been used yet
  Rights rights = Rights::none;  // none: the place is free
  std::uint16_t next_free = 0;
};

/// The table's state, shared with the regions in it, which may outlive the table's owner.
struct RegionRecords {
  // The lock's line, which whoever looks anything up has just taken, also holds the epoch.
  alignas(kLinePair) SpinLock lock;
  /// Removals so far, from 1. What was looked up is still so while it has not changed.
  std::uint64_t epoch = 1;
  std::uint16_t first_free = 0;
  std::uint16_t last_free = 0;
  std::vector<RegionRecord> places;
};

/// A region's registration; its destruction ends it. Movable; empty after a move.
/// THREADS: one at a time.
class [[nodiscard]] Region {
 public:
  Region() noexcept = default;  ///< none
  Region(Region&& other) noexcept;
  Region& operator=(Region&& other) noexcept;
  ~Region() { remove(); }

  /// Ends the registration; does nothing the second time. The memory itself is untouched.
  /// ENSURES: nobody reads or writes the region through the table from the return on; its key is
  /// refused. REQUIRES: the calling thread holds no Access.
  /// COST: waits for the operation under way.
  void remove() noexcept;

  /// The empty key once removed.
  [[nodiscard]] RegionKey key() const noexcept { return key_; }
  [[nodiscard]] std::span<std::byte> memory() const noexcept { return memory_; }
  /// The address by which others name the first byte.
  [[nodiscard]] std::uint64_t virtual_address() const noexcept { return virtual_address_; }
  [[nodiscard]] Rights rights() const noexcept { return rights_; }

 private:
  friend class RegionTable;

  std::shared_ptr<RegionRecords> records_;  // null: none
  std::span<std::byte> memory_;
  std::uint64_t virtual_address_ = 0;
  RegionKey key_;
  Rights rights_ = Rights::none;
};

/// All registered regions of one interface.
///
/// THREADS: any.
class RegionTable {
 public:
  static constexpr std::size_t kMaxRegions = 4096;
  /// No processor's user addresses span more.
  static constexpr Bytes kMaxRegionSize{std::uint64_t{1} << 47};

  class Access;

  RegionTable();

  /// Registers `memory`, which stays the caller's and must outlive the region. Regions may overlap.
  /// `invalid` when it is empty, larger than kMaxRegionSize, without rights, or when its addresses
  /// would wrap; `would_block` while kMaxRegions are registered.
  /// REQUIRES: the calling thread holds no Access. COST: waits for the operation under way.
  Result<Region> add(std::span<std::byte> memory, Rights rights, const RegionOptions& options = {});

 private:
  friend class NiTlb;

  std::shared_ptr<RegionRecords> records_;
};

/// The right to use what the table says: no region is added or removed while one exists. Held from
/// the look-up until the last byte is moved; what was looked up means nothing afterwards.
///
/// REQUIRES: the table outlives it; the thread holds no other Access to the same table, and waits
/// for nothing meanwhile. COST: one exchange, and a store at its end.
class RegionTable::Access {
 public:
  explicit Access(const RegionTable& table) noexcept : records_(*table.records_) {
    // [removed] lock: whatever was removed before is not found.
    records_.lock.lock();
  }
  // [moved] unlock: whoever removes a region next sees all that was moved.
  ~Access() { records_.lock.unlock(); }
  Access(const Access&) = delete;
  Access& operator=(const Access&) = delete;

  /// The region of that key, or why there is none: unknown_key or stale_key.
  [[nodiscard]] tl::expected<const RegionRecord*, Fault> find(RegionKey key) const noexcept;

  /// RegionRecords::epoch.
  [[nodiscard]] std::uint64_t epoch() const noexcept { return records_.epoch; }

 private:
  friend class NiTlb;

  RegionRecords& records_;
};

}  // namespace smtni::ni
