#include "ni/tlb.h"

#include <algorithm>
#include <bit>
#include <string>

#include "core/tsc_clock.h"

namespace smtni::ni {
namespace {

Result<void> check_power(const char* what, std::uint64_t value, std::uint64_t least,
                         std::uint64_t most) {
  if (std::has_single_bit(value) && least <= value && value <= most) return {};
  return failure(Error::Kind::invalid, "open an NI TLB with " + std::to_string(value) + " " + what +
                                           "; accepted: a power of two from " +
                                           std::to_string(least) + " to " + std::to_string(most));
}

Result<void> check(const TlbOptions& options) {
  return check_power("entries", options.entries, 1, NiTlb::kMaxEntries)
      .and_then([&] {
        return check_power("ways", options.ways, 1, std::min(options.entries, NiTlb::kMaxWays));
      })
      .and_then([&] {
        return check_power("bytes a page", options.page.count(), NiTlb::kMinPage.count(),
                           NiTlb::kMaxPage.count());
      });
}

}  // namespace

Result<NiTlb> NiTlb::create(const RegionTable& table, const TlbOptions& options) {
  if (Result<void> accepted = check(options); !accepted) {
    return tl::unexpected(std::move(accepted.error()));
  }
  return NiTlb(table, options);
}

NiTlb::NiTlb(const RegionTable& table, const TlbOptions& options)
    : records_(table.records_),
      entries_(options.entries),
      set_mask_(options.entries / options.ways - 1),
      ways_(options.ways),
      ways_shift_(static_cast<unsigned>(std::countr_zero(options.ways))),
      page_shift_(static_cast<unsigned>(std::countr_zero(options.page.count()))) {}

Translation NiTlb::translate_pages(const RegionTable::Access& access, const Want& want) noexcept {
  if (want.length == Bytes()) return translate_nothing(access, want);
  std::byte* host = nullptr;
  std::uint64_t at = want.virtual_address;
  std::uint64_t left = want.length.count();
  // Ends with the region at the latest: what follows its last byte is not in it, be that the rest
  // of a page, the next page, or page 0 after the last that there is.
  while (true) {
    Entry* found = look_up(access, want, at >> page_shift_);
    if (found == nullptr) {
      const tl::expected<Entry*, Fault> walked = miss(access, want, at >> page_shift_);
      if (!walked) return faulted(walked.error());
      found = *walked;
    }
    const Entry& entry = *found;
    if (!includes(entry.rights, want.rights)) return faulted(Fault::not_permitted);
    if (at < entry.first || at > entry.last) return faulted(Fault::out_of_bounds);
    if (host == nullptr) host = entry.host + (at - entry.first);
    const std::uint64_t here = entry.last - at + 1;
    if (left <= here) return host;
    left -= here;
    at = entry.last + 1;
  }
}

Translation NiTlb::translate_nothing(const RegionTable::Access& access, const Want& want) noexcept {
  const auto region = access.find(want.key);
  if (!region) return faulted(region.error());
  if (!includes((*region)->rights, want.rights)) return faulted(Fault::not_permitted);
  const std::uint64_t offset = want.virtual_address - (*region)->virtual_address;
  if (offset > (*region)->size) return faulted(Fault::out_of_bounds);
  return (*region)->memory + offset;
}

NiTlb::Entry* NiTlb::look_up(const RegionTable::Access& access, const Want& want,
                             std::uint64_t page) noexcept {
  Entry* const set = set_of(want.key, page);
  for (Entry* entry = set; entry != set + ways_; ++entry) {
    if (entry->page != page || entry->key != want.key || !is_right(access, *entry)) continue;
    entry->epoch = access.epoch();
    entry->used = ++uses_;
    ++counters_.hits;
    return entry;
  }
  return nullptr;
}

tl::expected<NiTlb::Entry*, Fault> NiTlb::miss(const RegionTable::Access& access, const Want& want,
                                               std::uint64_t page) noexcept {
  const TscInstant begun = TscClock::now();
  const tl::expected<Entry*, Fault> walked = walk(access, want, page);
  counters_.walked += TscClock::now() - begun;
  ++counters_.misses;
  return walked;
}

tl::expected<NiTlb::Entry*, Fault> NiTlb::walk(const RegionTable::Access& access, const Want& want,
                                               std::uint64_t page) noexcept {
  const auto found = access.find(want.key);
  if (!found) return tl::unexpected(found.error());
  const RegionRecord& region = **found;
  if (!includes(region.rights, want.rights)) return tl::unexpected(Fault::not_permitted);
  const std::uint64_t page_first = page << page_shift_;
  const std::uint64_t page_last = page_first | ((std::uint64_t{1} << page_shift_) - 1);
  const std::uint64_t region_last = region.virtual_address + (region.size - 1);
  if (page_last < region.virtual_address || page_first > region_last) {
    return tl::unexpected(Fault::out_of_bounds);
  }
  Entry* const entry = victim(access, set_of(want.key, page));
  const std::uint64_t first = std::max(page_first, region.virtual_address);
  *entry = {.page = page,
            .epoch = access.epoch(),
            .first = first,
            .last = std::min(page_last, region_last),
            .host = region.memory + (first - region.virtual_address),
            .used = ++uses_,
            .key = want.key,
            .rights = region.rights};
  return entry;
}

bool NiTlb::is_right(const RegionTable::Access& access, const Entry& entry) noexcept {
  if (entry.epoch == access.epoch()) return true;
  const auto region = access.find(entry.key);
  return region && (*region)->since <= entry.epoch;
}

NiTlb::Entry* NiTlb::victim(const RegionTable::Access& access, Entry* set) noexcept {
  const auto age_rank = [&](const Entry& entry) {
    return is_right(access, entry) ? entry.used : 0;  // 0: before all that is in use
  };
  return std::min_element(
      set, set + ways_, [&](const Entry& a, const Entry& b) { return age_rank(a) < age_rank(b); });
}

tl::unexpected<Fault> NiTlb::faulted(Fault fault) noexcept {
  switch (fault) {
    case Fault::unknown_key:
      ++counters_.unknown_key;
      break;
    case Fault::stale_key:
      ++counters_.stale_key;
      break;
    case Fault::not_permitted:
      ++counters_.not_permitted;
      break;
    case Fault::out_of_bounds:
      ++counters_.out_of_bounds;
      break;
    case Fault::unreachable:  // no fault of a translation
      break;
  }
  return tl::unexpected(fault);
}

}  // namespace smtni::ni
