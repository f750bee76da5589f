#pragma once

#include <cstdint>
#include <string_view>

namespace smtni::ni {

/// Why the NI did not do what it was asked to do with the memory that a key and an address name.
/// Typed, and told to the sender; nothing was read or written.
enum class Fault : std::uint8_t {
  unknown_key,    ///< no region was ever registered at the key's place, or the key is empty
  stale_key,      ///< the place has had other regions; the one of this generation is not there
  not_permitted,  ///< the region was registered without a right that is wanted
  out_of_bounds,  ///< at least one byte of the range lies outside the region
  unreachable,    ///< the target is closed, or too far for a packet of that size
};

/// The spelling of a fault in results: "unknown_key", "stale_key", …
[[nodiscard]] std::string_view name_of(Fault fault) noexcept;

}  // namespace smtni::ni
