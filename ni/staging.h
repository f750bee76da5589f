#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/cpu.h"
#include "core/result.h"
#include "core/units.h"

namespace smtni::ni {

/// Where the segments of bulk transfers (DMA) lie on their way from the sender's memory to a wire
/// that keeps them waiting.
///
/// The space is theirs alone, and messages composed by the sender's stores (PIO) have the send
/// buffer for themselves, so that neither class can hold what the other needs. A wire sends in
/// order: were the space shared, small messages could hold all of it behind a half-sent bulk
/// message, whose rest then never gets any, while they wait for it to leave.
///
/// What was taken first is given back first.
///
/// THREADS: the NI's alone.
class Staging {
 public:
  static constexpr Bytes kMaxSize{std::uint64_t{1} << 30};

  /// Staging in `memory`, which is borrowed for its lifetime, in segments of at most `segment`
  /// bytes. `invalid` unless both are multiples of a line, `memory` is a multiple of `segment`, and
  /// neither is empty or larger than kMaxSize. REQUIRES: `memory` is aligned to a line.
  static Result<Staging> create(std::span<std::byte> memory, Bytes segment);

  /// Room for `bytes`, aligned to a line, contiguous and not cleared; nothing while there is none.
  /// Takes whole lines, at least one. REQUIRES: bytes <= largest().
  [[nodiscard]] std::optional<std::span<std::byte>> take(std::size_t bytes) noexcept;

  /// What was taken longest ago. REQUIRES: !is_empty().
  [[nodiscard]] std::span<std::byte> oldest() const noexcept;

  /// Ends the lease of what was taken longest ago. REQUIRES: !is_empty().
  void give_back() noexcept;

  [[nodiscard]] bool is_empty() const noexcept { return taken_ == 0; }

  /// The most that take() is asked for. Once nothing is taken it always fits.
  [[nodiscard]] std::size_t largest() const noexcept { return largest_; }
  [[nodiscard]] Bytes capacity() const noexcept {
    return Bytes(lines_ * std::uint64_t{kCacheLine});
  }

 private:
  // No span starts here: the next one lies at the start.
  static constexpr std::uint32_t kGap = 0xFFFF'FFFF;

  Staging(std::span<std::byte> memory, Bytes segment);

  bool make_room(std::size_t lines) noexcept;

  // All counts are lines, except where bytes are named.
  std::byte* base_;
  std::size_t lines_;
  std::size_t largest_;                  // bytes
  std::size_t next_ = 0;                 // where the next span starts, if it fits before the end
  std::size_t oldest_ = 0;               // where the oldest span starts
  std::size_t taken_ = 0;                // from oldest to next, a gap at the end included
  std::vector<std::uint32_t> bytes_at_;  // of the span that starts at a line, or kGap
};

}  // namespace smtni::ni
