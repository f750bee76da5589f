#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace smtni {

/// A log-linear histogram in fixed memory: counts of values by buckets whose width grows with the
/// value, so that every value is known to 1 part in 1024 (three significant digits).
///
/// The bucket layout is that of Gil Tene's HdrHistogram (hdrhistogram.org) at three digits: values
/// below 2048 have a bucket each, and each later doubling of the value is cut into 1024 equal ones.
/// Values have no unit here; whoever records knows it.
///
/// THREADS: one at a time.
class Histogram {
 public:
  /// Takes all its memory now: 8 KiB for each doubling of `highest` beyond 1024. Values above
  /// `highest` are counted in the last bucket; max() stays exact.
  explicit Histogram(std::uint64_t highest);

  /// COST: a few instructions; one or two cache lines, warm when values repeat.
  void record(std::uint64_t value) noexcept {
    max_ = std::max(max_, value);
    ++count_;
    ++counts_[std::min(bucket_of(value), counts_.size() - 1)];
  }

  /// Adds all that `other` recorded.
  /// REQUIRES: both were made for the same `highest`.
  void merge(const Histogram& other) noexcept;

  /// Forgets everything; the memory stays.
  void clear() noexcept;

  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }

  /// The largest value recorded, exactly; 0 when there is none.
  [[nodiscard]] std::uint64_t max() const noexcept { return max_; }

  /// The smallest value such that `percent` per cent of those recorded are equal to it or below, to
  /// within its bucket: the bucket's highest value, never above max(). 0 when nothing was recorded.
  /// REQUIRES: 0 <= percent <= 100.
  [[nodiscard]] std::uint64_t percentile(double percent) const noexcept;

  /// The bounds of the bucket that holds `value`.
  [[nodiscard]] static constexpr std::uint64_t lowest_equivalent(std::uint64_t value) noexcept {
    return (value >> shift_of(value)) << shift_of(value);
  }
  [[nodiscard]] static constexpr std::uint64_t highest_equivalent(std::uint64_t value) noexcept {
    return lowest_equivalent(value) + ((std::uint64_t{1} << shift_of(value)) - 1);
  }

 private:
  static constexpr int kLinearBits = 11;
  static constexpr std::size_t kPerDoubling = std::size_t{1} << (kLinearBits - 1);

  // log2 of the width of the bucket that holds `value`.
  static constexpr int shift_of(std::uint64_t value) noexcept {
    return std::max(static_cast<int>(std::bit_width(value)) - kLinearBits, 0);
  }
  // Buckets of width 2^s start at index s * kPerDoubling: value >> s lies in [1024, 2048) for s >
  // 0.
  static constexpr std::size_t bucket_of(std::uint64_t value) noexcept {
    const int shift = shift_of(value);
    return static_cast<std::size_t>(shift) * kPerDoubling +
           static_cast<std::size_t>(value >> shift);
  }
  static std::uint64_t highest_in_bucket(std::size_t bucket) noexcept;

  std::vector<std::uint64_t> counts_;
  std::uint64_t count_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace smtni
