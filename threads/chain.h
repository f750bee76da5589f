#pragma once

#include <cstdint>

namespace smtni::threads {

/// The computation that experiments interrupt: a chain of dependent multiplications, which no
/// processor can shorten, and whose value shows that every step was done. (An empty loop gives
/// contradictory answers as a unit of work: Tsafrir, ExpCS 2007.)
class Chain {
 public:
  /// Dependent steps in one advance: about 20 ns on a 3 GHz processor, a usual safepoint spacing.
  static constexpr int kSteps = 16;
  /// One step is value * kMultiplier + kIncrement: Knuth's MMIX generator.
  static constexpr std::uint64_t kMultiplier = 0x5851F42D4C957F2DU;
  static constexpr std::uint64_t kIncrement = 0x14057B7EF767814FU;

  void advance() noexcept {
    std::uint64_t value = value_;
    for (int step = 0; step < kSteps; ++step) {
      value = value * kMultiplier + kIncrement;
      asm volatile("" : "+r"(value));  // one step after the other, none merged
    }
    finish_advance(value);
  }

  /// Takes over the result of one advance that was computed in another way.
  /// REQUIRES: `value` is what advance() would have made of value().
  void finish_advance(std::uint64_t value) noexcept {
    value_ = value;
    ++advances_;
  }

  [[nodiscard]] std::uint64_t value() const noexcept { return value_; }
  [[nodiscard]] std::uint64_t advances() const noexcept { return advances_; }

 private:
  std::uint64_t value_ = 1;
  std::uint64_t advances_ = 0;
};

}  // namespace smtni::threads
