#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "core/result.h"

/// \file
/// With which stores an arriving payload is written, which decides whose caches it goes through on
/// its way to the reader.
namespace smtni {

enum class Stores : std::uint8_t {
  cached,     ///< ordinary stores: the lines stay in the caches of the CPU that stores
  streaming,  ///< non-temporal stores of whole lines, past those caches and out to memory
  demoted,    ///< ordinary stores, then the hint that the lines may go on to a shared cache
};

/// In the order of Stores: the one spelling, everywhere.
inline constexpr std::array<std::string_view, 3> kStoresNames = {"cached", "streaming", "demoted"};

[[nodiscard]] constexpr std::string_view name_of(Stores stores) noexcept {
  return kStoresNames[static_cast<std::size_t>(stores)];
}

/// One of kStoresNames; `invalid`, naming these, for anything else.
Result<Stores> stores_named(std::string_view name);

/// `unsupported`, with the reason, where this processor would take `stores` for Stores::cached.
Result<void> check(Stores stores);

/// Copies `from` to `to`, byte for byte and nothing beyond. With Stores::streaming a line that is
/// written only in part, at either end, takes ordinary stores: a part of a line costs memory more
/// than a whole one.
///
/// REQUIRES: the two do not overlap.
/// ENSURES: a release store that follows comes after all of them: see [publish] in stores.cc.
/// COST: Stores::streaming waits at its end until the lines are out.
void copy_payload(Stores stores, std::byte* to, std::span<const std::byte> from) noexcept;

}  // namespace smtni
