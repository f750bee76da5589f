#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/expect.h"
#include "core/result.h"
#include "core/units.h"
#include "ni/staging.h"

namespace smtni::ni {

struct FetchOptions {
  /// Lines of the source that are asked for ahead of the step that reads them; 1 to 64. A hint:
  /// whether it helps depends on the processor.
  std::uint32_t outstanding_reads = 8;
  /// What must have been fetched before the first segment is handed on, or all of a shorter
  /// transfer. A slow source then does not stall a wire that has begun. At most what the staging
  /// holds.
  Bytes start_threshold{0};
};

/// The NI's DMA engine: reads the sender's memory in the NI's time, one transfer after the other.
///
///     fetch.begin(source);
///     while (fetch.is_busy()) fetch.step(16 * kKiB, hand_on);  // others are served in between
///
/// A step copies with one memcpy where it can: its start costs, so steps of 16 KiB and more come
/// near to one memcpy of the whole. Between steps the first lines of the next are on their way.
///
/// THREADS: the NI's alone.
class Fetch {
 public:
  static constexpr std::uint32_t kMaxOutstandingReads = 64;

  /// A fetch over `staging`, in its segments. `invalid` for options outside what they accept.
  /// REQUIRES: `staging` outlives the fetch, stays where it is, and nobody else takes from it.
  static Result<Fetch> create(Staging& staging, const FetchOptions& options);

  /// Begins a transfer. REQUIRES: !is_busy(); `from` may be read in each step.
  void begin(std::span<const std::byte> from) noexcept;

  /// Fetches up to `most` bytes, as far as there is room. Then hands on the segments that
  /// are whole, in order, until `bool hand_on(std::span<const std::byte> segment, bool is_last)`
  /// declines one, which is kept and offered again at the next step. A taken segment's memory is
  /// used again at once. An empty transfer is one empty segment.
  /// False when nothing moved. REQUIRES: is_busy(); `hand_on` is noexcept in effect.
  template <class HandOn>
  bool step(Bytes most, HandOn&& hand_on) noexcept;

  /// Ends a transfer before its time. What was moved or handed on stays so.
  void abandon() noexcept;

  [[nodiscard]] bool is_busy() const noexcept { return is_busy_; }

  /// Bytes of the transfer that have been fetched.
  [[nodiscard]] std::size_t fetched() const noexcept { return fetched_; }

  /// Bytes copied into staging, over all transfers: each byte once.
  [[nodiscard]] std::uint64_t staged_bytes() const noexcept { return staged_bytes_; }

  /// Steps of transfers, after their first segment was taken, that had nothing to hand on:
  /// the wire had to wait. Over all transfers.
  [[nodiscard]] std::uint64_t bubbles() const noexcept { return bubbles_; }

 private:
  Fetch(Staging& staging, const FetchOptions& options) noexcept;

  void copy(std::size_t bytes) noexcept;
  void ask_ahead() const noexcept;
  bool take_segment() noexcept;
  bool fetch(std::size_t most) noexcept;

  [[nodiscard]] bool has_segment() const noexcept {
    return fetched_ >= start_at_ && !staging_->is_empty() &&
           handed_on_ + staging_->oldest().size() <= fetched_;
  }

  Staging* staging_;
  FetchOptions options_;
  bool is_busy_ = false;
  std::span<const std::byte> from_;
  std::size_t fetched_ = 0;    // bytes of from_ that have been read
  std::span<std::byte> room_;  // what is still to be written of the open segment
  std::size_t start_at_ = 0;   // bytes fetched before the first is handed on
  std::size_t handed_on_ = 0;  // bytes
  std::uint64_t staged_bytes_ = 0;
  std::uint64_t bubbles_ = 0;
};

template <class HandOn>
bool Fetch::step(Bytes most, HandOn&& hand_on) noexcept {
  SMTNI_EXPECT_HOT(is_busy_);
  bool moved = fetch(static_cast<std::size_t>(most.count()));
  if (handed_on_ != 0 && !has_segment()) ++bubbles_;
  while (has_segment()) {  // at most as many as staging holds
    const std::span<const std::byte> segment = staging_->oldest();
    const bool is_last = handed_on_ + segment.size() == from_.size();
    if (!hand_on(segment, is_last)) break;
    handed_on_ += segment.size();
    staging_->give_back();
    if (is_last) is_busy_ = false;
    moved = true;
  }
  return moved;
}

}  // namespace smtni::ni
