#include "ni/fetch.h"

#include <cstring>
#include <string>

#include "core/cpu.h"

namespace smtni::ni {

Fetch::Fetch(Staging& staging, const FetchOptions& options) noexcept
    : staging_(&staging), options_(options) {}

Result<Fetch> Fetch::create(Staging& staging, const FetchOptions& options) {
  if (options.outstanding_reads == 0 || options.outstanding_reads > kMaxOutstandingReads) {
    return failure(Error::Kind::invalid, std::to_string(options.outstanding_reads) +
                                             " outstanding reads; accepted: 1 to " +
                                             std::to_string(kMaxOutstandingReads));
  }
  const Bytes capacity = staging.capacity();
  if (options.start_threshold > capacity) {
    return failure(Error::Kind::invalid,
                   "a start threshold of " + std::to_string(options.start_threshold.count()) +
                       " bytes; accepted: up to the staging's " + std::to_string(capacity.count()));
  }
  return Fetch(staging, options);
}

void Fetch::begin(std::span<const std::byte> from) noexcept {
  SMTNI_EXPECT_HOT(!is_busy_);
  SMTNI_EXPECT_HOT(staging_->is_empty());
  is_busy_ = true;
  from_ = from;
  fetched_ = handed_on_ = 0;
  start_at_ = std::min(static_cast<std::size_t>(options_.start_threshold.count()), from.size());
  ask_ahead();
  take_segment();  // there is room: nothing is taken
}

void Fetch::abandon() noexcept {
  // Bounded by the staging's segments.
  while (is_busy_ && !staging_->is_empty()) {
    staging_->give_back();
  }
  is_busy_ = false;
}

// One memcpy, and no prefetches along the way: memcpy knows the processor's best way for a length,
// and asking for each line costs more than the waits that it saves.
void Fetch::copy(std::size_t bytes) noexcept {
  if (bytes == 0) return;  // an empty span may have no address
  std::memcpy(room_.data(), from_.data() + fetched_, bytes);
  room_ = room_.subspan(bytes);
  fetched_ += bytes;
}

// So that the lines come while the NI serves others.
void Fetch::ask_ahead() const noexcept {
  const std::size_t most = options_.outstanding_reads * kCacheLine;
  const std::size_t end = fetched_ + std::min(most, from_.size() - fetched_);
  for (std::size_t at = fetched_; at < end; at += kCacheLine) prefetch_for_read(&from_[at]);
}

bool Fetch::take_segment() noexcept {
  const std::size_t bytes = std::min(staging_->largest(), from_.size() - fetched_);
  const auto room = staging_->take(bytes);
  if (!room) return false;
  room_ = *room;
  return true;
}

bool Fetch::fetch(std::size_t most) noexcept {
  const std::size_t before = fetched_;
  const std::size_t end = fetched_ + std::min(most, from_.size() - fetched_);
  while (fetched_ < end) {  // a segment a turn
    if (room_.empty() && !take_segment()) break;
    copy(std::min(room_.size(), end - fetched_));
  }
  staged_bytes_ += fetched_ - before;
  if (fetched_ == before) return false;
  ask_ahead();
  return true;
}

}  // namespace smtni::ni
