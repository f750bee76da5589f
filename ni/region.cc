#include "ni/region.h"

#include <limits>
#include <mutex>
#include <string>
#include <utility>

namespace smtni::ni {
namespace {

constexpr std::uint16_t kNoPlace = RegionTable::kMaxRegions;
static_assert(RegionTable::kMaxRegions < std::numeric_limits<std::uint16_t>::max());

constexpr Rights kAllRights =
    Rights::remote_read | Rights::remote_write | Rights::remote_atomic | Rights::local;

constexpr std::uint64_t kLastAddress = std::numeric_limits<std::uint64_t>::max();

tl::unexpected<Error> refused(std::string why) {
  return failure(Error::Kind::invalid, "register a region: " + std::move(why));
}

Result<void> check_range(std::uint64_t address, std::uint64_t size) {
  if (size - 1 <= kLastAddress - address) return {};
  return refused(std::to_string(size) + " bytes at address " + std::to_string(address) +
                 " run past the last address");
}

Result<void> check(std::span<std::byte> memory, Rights rights, std::uint64_t virtual_address) {
  if (memory.empty() || Bytes(memory.size()) > RegionTable::kMaxRegionSize) {
    return refused(std::to_string(memory.size()) + " bytes; accepted: 1 to " +
                   std::to_string(RegionTable::kMaxRegionSize.count()));
  }
  if (rights == Rights::none || !includes(kAllRights, rights)) {
    return refused("rights " + std::to_string(static_cast<unsigned>(rights)) +
                   "; accepted: one or more of those there are");
  }
  const auto address = reinterpret_cast<std::uintptr_t>(memory.data());
  if (Result<void> fits = check_range(address, memory.size()); !fits) return fits;
  if (virtual_address % 8 != address % 8) {
    return refused("virtual address " + std::to_string(virtual_address) +
                   " differs from the memory's modulo 8");
  }
  return check_range(virtual_address, memory.size());
}

constexpr RegionKey next_key(RegionKey key, std::uint16_t index) noexcept {
  const auto next = static_cast<std::uint16_t>(key.generation() + 1);
  return {index, next == 0 ? std::uint16_t{1} : next};
}

}  // namespace

Region::Region(Region&& other) noexcept
    : records_(std::move(other.records_)),
      memory_(std::exchange(other.memory_, {})),
      virtual_address_(std::exchange(other.virtual_address_, 0)),
      key_(std::exchange(other.key_, {})),
      rights_(std::exchange(other.rights_, Rights::none)) {}

Region& Region::operator=(Region&& other) noexcept {
  Region taken(std::move(other));
  std::swap(records_, taken.records_);
  std::swap(memory_, taken.memory_);
  std::swap(virtual_address_, taken.virtual_address_);
  std::swap(key_, taken.key_);
  std::swap(rights_, taken.rights_);
  return *this;
}

void Region::remove() noexcept {
  if (records_ == nullptr) return;
  {
    // [moved] lock: all bytes of earlier operations are there. [removed] unlock: later ones find
    // neither the region nor, by the epoch, a translation of it.
    const std::lock_guard guard(records_->lock);
    RegionRecord& place = records_->places[key_.index()];
    place.rights = Rights::none;
    place.memory = nullptr;
    ++records_->epoch;
    // At the end of the list of free places, so that generations repeat as late as can be.
    place.next_free = kNoPlace;
    std::uint16_t& link = records_->first_free == kNoPlace
                              ? records_->first_free
                              : records_->places[records_->last_free].next_free;
    link = records_->last_free = key_.index();
  }
  records_.reset();
  memory_ = {};
  virtual_address_ = 0;
  key_ = {};
  rights_ = Rights::none;
}

RegionTable::RegionTable() : records_(std::make_shared<RegionRecords>()) {
  records_->places.resize(kMaxRegions);
  for (std::uint16_t index = 0; index < kMaxRegions; ++index) {
    records_->places[index].next_free = static_cast<std::uint16_t>(index + 1);
  }
  records_->last_free = kMaxRegions - 1;
}

Result<Region> RegionTable::add(std::span<std::byte> memory, Rights rights,
                                const RegionOptions& options) {
  const std::uint64_t virtual_address =
      options.virtual_address.value_or(reinterpret_cast<std::uintptr_t>(memory.data()));
  if (Result<void> accepted = check(memory, rights, virtual_address); !accepted) {
    return tl::unexpected(std::move(accepted.error()));
  }
  Region region;
  {
    const std::lock_guard guard(records_->lock);
    const std::uint16_t index = records_->first_free;
    if (index != kNoPlace) {
      RegionRecord& place = records_->places[index];
      records_->first_free = place.next_free;
      region.key_ = next_key(place.key, index);
      place = {.memory = memory.data(),
               .size = memory.size(),
               .virtual_address = virtual_address,
               .since = records_->epoch,
               .key = region.key_,
               .rights = rights};
    }
  }
  if (region.key_ == RegionKey()) {
    return failure(
        Error::Kind::would_block,
        "register a region: all " + std::to_string(kMaxRegions) + " places of the table are taken");
  }
  region.records_ = records_;
  region.memory_ = memory;
  region.virtual_address_ = virtual_address;
  region.rights_ = rights;
  return region;
}

tl::expected<const RegionRecord*, Fault> RegionTable::Access::find(RegionKey key) const noexcept {
  if (key.index() >= kMaxRegions || key.generation() == 0) {
    return tl::unexpected(Fault::unknown_key);
  }
  const RegionRecord& place = records_.places[key.index()];
  if (place.key.generation() == 0) return tl::unexpected(Fault::unknown_key);
  if (place.key != key || place.rights == Rights::none) return tl::unexpected(Fault::stale_key);
  return &place;
}

}  // namespace smtni::ni
