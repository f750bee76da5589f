#pragma once

#include <compare>
#include <cstdint>

namespace smtni::ni {

/// Names one endpoint of one interface. A closed endpoint's address names nobody: the place may be
/// used again, but with another generation. Generations of one place repeat after 65,535 endpoints.
class Address {
 public:
  static constexpr unsigned kIndexBits = 10;
  static constexpr unsigned kNodeBits = 6;
  static constexpr unsigned kNodes = 1U << kNodeBits;

  struct Parts {
    std::uint16_t index = 0;       ///< of the endpoint in its interface, below 1 << kIndexBits
    std::uint16_t generation = 0;  ///< never 0 in the address of an endpoint
    std::uint8_t node = 0;         ///< number of the interface on its fabric, below kNodes
  };

  constexpr Address() noexcept = default;  ///< nobody
  constexpr explicit Address(const Parts& parts) noexcept
      : word_(std::uint32_t{parts.generation} << 16 | std::uint32_t{parts.node} << kIndexBits |
              parts.index) {}
  /// The address that word() came from.
  static constexpr Address from_word(std::uint32_t word) noexcept {
    Address address;
    address.word_ = word;
    return address;
  }

  [[nodiscard]] constexpr std::uint16_t index() const noexcept {
    return static_cast<std::uint16_t>(word_ & ((1U << kIndexBits) - 1));
  }
  [[nodiscard]] constexpr std::uint8_t node() const noexcept {
    return static_cast<std::uint8_t>(word_ >> kIndexBits & (kNodes - 1));
  }
  [[nodiscard]] constexpr std::uint16_t generation() const noexcept {
    return static_cast<std::uint16_t>(word_ >> 16);
  }
  /// What travels in a message.
  [[nodiscard]] constexpr std::uint32_t word() const noexcept { return word_; }

  friend constexpr auto operator<=>(Address, Address) noexcept = default;

 private:
  std::uint32_t word_ = 0;
};
static_assert(Address::kIndexBits + Address::kNodeBits == 16);

}  // namespace smtni::ni
