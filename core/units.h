#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>

namespace smtni {

/// A count of one unit. Counts of the same unit add, subtract and compare; counts of different
/// units do not mix, and no bare integer becomes one by accident.
template <class Unit>
class Quantity {
 public:
  constexpr Quantity() noexcept = default;
  constexpr explicit Quantity(std::uint64_t count) noexcept : count_(count) {}

  [[nodiscard]] constexpr std::uint64_t count() const noexcept { return count_; }

  friend constexpr auto operator<=>(Quantity, Quantity) noexcept = default;
  friend constexpr Quantity operator+(Quantity a, Quantity b) noexcept {
    return Quantity(a.count_ + b.count_);
  }
  /// REQUIRES: b <= a; counts are unsigned.
  friend constexpr Quantity operator-(Quantity a, Quantity b) noexcept {
    return Quantity(a.count_ - b.count_);
  }
  friend constexpr Quantity operator*(std::uint64_t times, Quantity a) noexcept {
    return Quantity(times * a.count_);
  }
  friend constexpr Quantity operator/(Quantity a, std::uint64_t parts) noexcept {
    return Quantity(a.count_ / parts);
  }
  constexpr Quantity& operator+=(Quantity other) noexcept { return *this = *this + other; }

 private:
  std::uint64_t count_ = 0;
};

using Bytes = Quantity<struct BytesUnit>;
using TscCycles = Quantity<struct TscCyclesUnit>;
using Nanoseconds = Quantity<struct NanosecondsUnit>;

inline constexpr Bytes kKiB{1024};
inline constexpr Bytes kMiB{1024 * 1024};

/// A reading of the time-stamp counter. Readings subtract into cycles; they do not add.
class TscInstant {
 public:
  constexpr TscInstant() noexcept = default;
  constexpr explicit TscInstant(std::uint64_t reading) noexcept : reading_(reading) {}

  [[nodiscard]] constexpr std::uint64_t reading() const noexcept { return reading_; }

  friend constexpr auto operator<=>(TscInstant, TscInstant) noexcept = default;
  /// Zero when `earlier` reads later than `later`, as two processors' counters may by a few cycles.
  friend constexpr TscCycles operator-(TscInstant later, TscInstant earlier) noexcept {
    return TscCycles(later.reading_ > earlier.reading_ ? later.reading_ - earlier.reading_ : 0);
  }
  friend constexpr TscInstant operator+(TscInstant from, TscCycles span) noexcept {
    return TscInstant(from.reading_ + span.count());
  }

 private:
  std::uint64_t reading_ = 0;
};

}  // namespace smtni
