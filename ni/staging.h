#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/cpu.h"
#include "core/result.h"
#include "core/units.h"

namespace smtni::ni {

/// How staging memory is split. Each size is a multiple of a line; `bulk` is one of `segment`.
struct StagingOptions {
  Bytes small = 64 * kKiB;
  Bytes bulk = 64 * kKiB;
  Bytes segment = 4 * kKiB;  ///< the most that is taken from the bulk class at once
};

/// Where messages lie on their way from the sender's memory to the wire.
///
/// Space is reserved for each of two classes, so that neither can hold what the other needs. A wire
/// sends in order: were the space shared, small messages could hold all of it behind a half-sent
/// bulk message, whose rest then never gets any, while they wait for it to leave.
///
/// Within a class, what was taken first is given back first.
///
/// THREADS: the NI's alone.
class Staging {
 public:
  enum class Class : std::uint8_t {
    small,  ///< messages composed by the sender's stores (PIO)
    bulk,   ///< segments that the NI fetches from the sender's memory (DMA)
  };

  static constexpr Bytes kMaxOfClass{std::uint64_t{1} << 30};

  /// The memory that the options ask for.
  [[nodiscard]] static constexpr Bytes bytes_for(const StagingOptions& options) noexcept {
    return options.small + options.bulk;
  }

  /// Staging in the first bytes_for(options) of `memory`, which is borrowed for its lifetime.
  /// `invalid` when the sizes do not fit each other or the memory.
  /// REQUIRES: `memory` is aligned to a line.
  static Result<Staging> create(std::span<std::byte> memory, const StagingOptions& options);

  /// Room for `bytes`, aligned to a line, contiguous and not cleared; nothing while there is none.
  /// Takes whole lines, at least one. REQUIRES: bytes <= largest(of).
  [[nodiscard]] std::optional<std::span<std::byte>> take(Class of, std::size_t bytes) noexcept;

  /// What was taken longest ago. REQUIRES: !is_empty(of).
  [[nodiscard]] std::span<std::byte> oldest(Class of) const noexcept;

  /// Ends the lease of what was taken longest ago. REQUIRES: !is_empty(of).
  void give_back(Class of) noexcept;

  [[nodiscard]] bool is_empty(Class of) const noexcept { return ring_of(of).taken == 0; }

  /// The most that take() is asked for. Once the class is empty it always fits.
  [[nodiscard]] std::size_t largest(Class of) const noexcept { return ring_of(of).largest; }
  [[nodiscard]] Bytes capacity(Class of) const noexcept {
    return Bytes(ring_of(of).lines * std::uint64_t{kCacheLine});
  }

 private:
  // All counts are lines, except where bytes are named.
  struct Ring {
    Ring(std::span<std::byte> memory, Bytes most);

    std::byte* base;
    std::size_t lines;
    std::size_t largest;                  // bytes
    std::size_t next = 0;                 // where the next span starts, if it fits before the end
    std::size_t oldest = 0;               // where the oldest span starts
    std::size_t taken = 0;                // from oldest to next, a gap at the end included
    std::vector<std::uint32_t> bytes_at;  // of the span that starts at a line, or kGap
  };

  // No span starts here: the next one lies at the ring's start.
  static constexpr std::uint32_t kGap = 0xFFFF'FFFF;

  Staging(std::span<std::byte> memory, const StagingOptions& options);

  [[nodiscard]] Ring& ring_of(Class of) noexcept { return rings_[static_cast<std::size_t>(of)]; }
  [[nodiscard]] const Ring& ring_of(Class of) const noexcept {
    return rings_[static_cast<std::size_t>(of)];
  }
  static bool make_room(Ring& ring, std::size_t lines) noexcept;

  std::array<Ring, 2> rings_;  // by Class
};

}  // namespace smtni::ni
