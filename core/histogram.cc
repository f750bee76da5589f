#include "core/histogram.h"

#include <cmath>

#include "core/expect.h"

namespace smtni {

Histogram::Histogram(std::uint64_t highest) : counts_(bucket_of(highest) + 1) {}

void Histogram::merge(const Histogram& other) noexcept {
  SMTNI_EXPECT(counts_.size() == other.counts_.size());
  for (std::size_t bucket = 0; bucket < counts_.size(); ++bucket) {
    counts_[bucket] += other.counts_[bucket];
  }
  count_ += other.count_;
  max_ = std::max(max_, other.max_);
}

void Histogram::clear() noexcept {
  std::fill(counts_.begin(), counts_.end(), 0);
  count_ = 0;
  max_ = 0;
}

std::uint64_t Histogram::percentile(double percent) const noexcept {
  SMTNI_EXPECT(percent >= 0 && percent <= 100);
  if (count_ == 0) return 0;
  const double share = std::ceil(percent / 100 * static_cast<double>(count_));
  const auto rank = std::clamp<std::uint64_t>(static_cast<std::uint64_t>(share), 1, count_);
  std::uint64_t seen = 0;
  for (std::size_t bucket = 0; bucket + 1 < counts_.size(); ++bucket) {
    seen += counts_[bucket];
    if (seen >= rank) return std::min(highest_in_bucket(bucket), max_);
  }
  return max_;  // the last bucket also holds what was too large for the others
}

std::uint64_t Histogram::highest_in_bucket(std::size_t bucket) noexcept {
  if (bucket < 2 * kPerDoubling) return bucket;
  const std::size_t shift = bucket / kPerDoubling - 1;
  const std::uint64_t lowest = (bucket - shift * kPerDoubling) << shift;
  return lowest + ((std::uint64_t{1} << shift) - 1);
}

}  // namespace smtni
