#pragma once

#include <cstdint>

#include "ni/address.h"
#include "ni/region.h"

/// \file
/// One-sided operations: the words of Endpoint::put(), get(), put_signal(), fetch_add() and
/// compare_swap(). The target's NI carries them out; no code of the target takes part.
///
///     auto region = target.register_region(memory, Rights::remote_write | Rights::remote_read);
///     origin_endpoint.put_signal({inbox.address(), region->key(), region->virtual_address()},
///                                bytes, {.virtual_address = flag, .value = 1});
///     origin_endpoint.quiet(in(1s));            // all of it is in its place
namespace smtni::ni {

/// Memory of another: an address as its owner sees it, in the region of `key`.
struct RemoteAddress {
  Address target;  ///< any endpoint of the interface that registered the region
  RegionKey key;   ///< of the region
  std::uint64_t virtual_address = 0;
};

/// Memory of one's own, in a region registered with Rights::local at one's own interface: the NI
/// fetches from it, or stores into it, in its own time (DMA).
struct Slice {
  RegionKey key;
  std::uint64_t virtual_address = 0;
  std::uint32_t length = 0;  ///< bytes
};

/// The part of a region that begins `offset` bytes into it. REQUIRES: it lies within.
[[nodiscard]] inline Slice slice_of(const Region& region, std::uint64_t offset,
                                    std::uint32_t length) noexcept {
  return {region.key(), region.virtual_address() + offset, length};
}

/// A word of the target's region, 8-aligned, that a put changes once its data is there: a release,
/// so whoever acquires the new value sees the data.
struct Signal {
  enum class How : std::uint8_t { set, add };

  std::uint64_t virtual_address = 0;
  std::uint64_t value = 0;
  How how = How::set;
};

struct RemoteOptions {
  std::uint64_t ticket = 0;        ///< comes back in the operation's completions
  bool local_completion = false;   ///< tell when the source may be used again
  bool remote_completion = false;  ///< tell when it has been done at the target, or refused
  /// Not before all earlier operations of this endpoint are done.
  bool fence = false;
  /// Of a put: tell the target's endpoint once the data is there, by an empty message in its
  /// message cache that carries these two. While the cache is full the put waits.
  bool notify = false;
  std::uint32_t type_id = 0;
  std::uint64_t user_data = 0;
};

}  // namespace smtni::ni
