#pragma once

#include <compare>
#include <cstdint>

namespace smtni::ni {

/// Names one endpoint of one interface. A closed endpoint's address names nobody: the place may be
/// used again, but with another generation. Generations of one place repeat after 65,535 endpoints.
class Address {
 public:
  constexpr Address() noexcept = default;  ///< nobody
  constexpr Address(std::uint16_t index, std::uint16_t generation) noexcept
      : word_(std::uint32_t{generation} << 16 | index) {}
  /// The address that peer_word() came from.
  static constexpr Address from_word(std::uint32_t word) noexcept {
    Address address;
    address.word_ = word;
    return address;
  }

  [[nodiscard]] constexpr std::uint16_t index() const noexcept {
    return static_cast<std::uint16_t>(word_);
  }
  /// Never 0 in the address of an endpoint.
  [[nodiscard]] constexpr std::uint16_t generation() const noexcept {
    return static_cast<std::uint16_t>(word_ >> 16);
  }
  /// What travels in a message.
  [[nodiscard]] constexpr std::uint32_t word() const noexcept { return word_; }

  friend constexpr auto operator<=>(Address, Address) noexcept = default;

 private:
  std::uint32_t word_ = 0;
};

}  // namespace smtni::ni
