#include "ni/staging.h"

#include <algorithm>
#include <string>

#include "core/expect.h"

namespace smtni::ni {
namespace {

std::size_t lines_of(std::size_t bytes) noexcept {
  return std::max<std::size_t>(1, (bytes + kCacheLine - 1) / kCacheLine);
}

bool is_size(Bytes bytes) noexcept {
  return bytes.count() != 0 && bytes.count() % kCacheLine == 0 && bytes <= Staging::kMaxSize;
}

}  // namespace

Staging::Staging(std::span<std::byte> memory, Bytes segment)
    : base_(memory.data()),
      lines_(memory.size() / kCacheLine),
      largest_(static_cast<std::size_t>(segment.count())),
      bytes_at_(lines_) {}

Result<Staging> Staging::create(std::span<std::byte> memory, Bytes segment) {
  SMTNI_EXPECT(reinterpret_cast<std::uintptr_t>(memory.data()) % kCacheLine == 0);
  const Bytes size(memory.size());
  if (!is_size(size) || !is_size(segment) || size.count() % segment.count() != 0) {
    return failure(Error::Kind::invalid,
                   "staging of " + std::to_string(size.count()) + " bytes in segments of " +
                       std::to_string(segment.count()) +
                       "; accepted: whole segments, a multiple of " + std::to_string(kCacheLine) +
                       " each, up to " + std::to_string(kMaxSize.count()) + " in all");
  }
  return Staging(memory, segment);
}

// Moves `next_` to where `lines` contiguous lines are free; false where there are none.
bool Staging::make_room(std::size_t lines) noexcept {
  if (taken_ == 0) next_ = oldest_ = 0;
  if (taken_ == lines_) return false;
  if (next_ < oldest_) return lines <= oldest_ - next_;
  const std::size_t to_end = lines_ - next_;
  if (lines <= to_end) return true;
  if (lines > oldest_) return false;
  bytes_at_[next_] = kGap;
  taken_ += to_end;
  next_ = 0;
  return true;
}

std::optional<std::span<std::byte>> Staging::take(std::size_t bytes) noexcept {
  SMTNI_EXPECT_HOT(bytes <= largest_);
  const std::size_t lines = lines_of(bytes);
  if (!make_room(lines)) return std::nullopt;
  std::byte* const start = base_ + next_ * kCacheLine;
  bytes_at_[next_] = static_cast<std::uint32_t>(bytes);
  next_ = (next_ + lines) % lines_;
  taken_ += lines;
  return std::span(start, bytes);
}

std::span<std::byte> Staging::oldest() const noexcept {
  SMTNI_EXPECT_HOT(taken_ != 0);
  return {base_ + oldest_ * kCacheLine, bytes_at_[oldest_]};
}

void Staging::give_back() noexcept {
  SMTNI_EXPECT_HOT(taken_ != 0);
  const std::size_t lines = lines_of(bytes_at_[oldest_]);
  oldest_ = (oldest_ + lines) % lines_;
  taken_ -= lines;
  if (taken_ != 0 && bytes_at_[oldest_] == kGap) {
    taken_ -= lines_ - oldest_;
    oldest_ = 0;
  }
}

}  // namespace smtni::ni
