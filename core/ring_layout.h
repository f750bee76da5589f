#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

#include "core/cpu.h"

/// \file
/// The shared part of a message ring: one line that the consumer writes, then a power of two of
/// message lines. Offsets only, so each process may map it where it likes.
///
/// A message starts in a line of its own. Up to kInlineBytes of payload lie in that line, so that a
/// small message is one line transfer; a longer payload fills the lines that follow, aligned to a
/// line and contiguous. The first word of the line is its stamp. At position p, a free-running
/// count of lines (p modulo the capacity is the index), the stamp says:
///
///   anything else          nothing here yet: an older lap, or zero
///   p + 1                  a message
///   p + 1 with kSkip       nothing; the message lies at the ring's start, already published
///   p + 1 with kCall       a message that is answered in this line; position p stays current
///   p + 1 with kReply      the answer; the next message or call comes at p again
///
/// Who writes what: the producer writes lines and stamps; the consumer writes `consumed`, and the
/// answer to a call into the call's own line. Both keep their cursors in private memory.
///
/// Edges, each named at both of its ends:
///
///   [publish]  producer stores stamp, release   ->  consumer loads stamp, acquire
///              (weakly ordered stores of the payload are fenced before it: core/stores.cc)
///   [recycle]  consumer stores consumed, release ->  producer loads consumed, acquire
///   [answer]   consumer stores stamp, release   ->  producer loads stamp, acquire
///
/// A line whose first word holds payload could pass for any stamp. So before a message is
/// published, the line that will be polled next is cleared if it held payload; the producer
/// remembers which did in a private bitmap. Positions are 64 bits and do not wrap in any machine's
/// lifetime.
///
/// The stamp in the message's own line follows FastForward (Giacomoni, Moseley, Vachharajani, PPoPP
/// 2008) and the parity word of Caladan's lrpc; the lap number instead of a flag spares the
/// consumer from writing the line.
namespace smtni {

inline constexpr std::size_t kInlineBytes = 32;

namespace ring {

inline constexpr std::uint64_t kSkip = 1ULL << 63;
inline constexpr std::uint64_t kCall = 1ULL << 62;
inline constexpr std::uint64_t kReply = 1ULL << 61;

/// In `length`: the payload lies in the following lines.
inline constexpr std::uint32_t kFollows = 1U << 31;

/// Written by the producer, polled by the consumer; a call's line is answered by the consumer.
struct alignas(kCacheLine) Line {
  std::atomic<std::uint64_t> stamp;
  std::uint32_t length;
  std::uint32_t type_id;
  std::uint64_t user_data;
  std::uint32_t peer;
  std::uint32_t attributes;
  std::byte payload[kInlineBytes];
};
static_assert(sizeof(Line) == kCacheLine && std::is_standard_layout_v<Line>);
static_assert(offsetof(Line, stamp) == 0 && offsetof(Line, payload) == kCacheLine - kInlineBytes);
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

/// Written by the consumer, seldom; read by the producer when the ring looks full.
struct alignas(kCacheLine) Control {
  std::atomic<std::uint64_t> consumed;
};
static_assert(sizeof(Control) == kCacheLine);

// Copies an inline payload word by word. A vector load from a value that was just built of words
// cannot be forwarded from the store buffer: it would wait until all older stores, the ring's own
// among them, have reached the cache.
inline void copy_words(std::byte* to, std::span<const std::byte> from) noexcept {
  std::size_t at = 0;
  for (; at + sizeof(std::uint64_t) <= from.size(); at += sizeof(std::uint64_t)) {
    std::uint64_t word = 0;
    std::memcpy(&word, from.data() + at, sizeof word);
    asm volatile("" : "+r"(word));  // keeps the compiler from joining words
    std::memcpy(to + at, &word, sizeof word);
  }
  for (; at < from.size(); ++at) to[at] = from[at];
}

}  // namespace ring

/// The words that travel with every payload.
struct MessageInfo {
  std::uint32_t type_id = 0;
  std::uint64_t user_data = 0;
  /// For the layer above: the NI puts the target's address here on the way out, the origin's on the
  /// way in.
  std::uint32_t peer = 0;
  /// For the layer above: flags of the notification record.
  std::uint32_t attributes = 0;
};

/// A message as it lies in the ring: a view, valid until it is released.
struct Message {
  std::span<const std::byte> payload;
  MessageInfo info;
  /// Where it lies, in lines since the ring began.
  std::uint64_t position = 0;
  bool is_call = false;
};

/// The shared memory of one ring, borrowed. Both ends of a ring hold one.
class RingMemory {
 public:
  /// Bytes needed for `lines` message lines.
  [[nodiscard]] static constexpr std::size_t bytes_for(std::uint64_t lines) noexcept {
    return sizeof(ring::Control) + static_cast<std::size_t>(lines) * sizeof(ring::Line);
  }

  RingMemory() noexcept = default;

  /// REQUIRES: `memory` is aligned to a line, zero-filled when the ring begins, and at least
  /// bytes_for(lines) long; `lines` is a power of two, at least 4.
  RingMemory(std::span<std::byte> memory, std::uint64_t lines) noexcept;

  [[nodiscard]] ring::Control& control() const noexcept {
    return *reinterpret_cast<ring::Control*>(base_);
  }
  [[nodiscard]] ring::Line& line_at(std::uint64_t position) const noexcept {
    return reinterpret_cast<ring::Line*>(base_ + sizeof(ring::Control))[position & mask_];
  }
  [[nodiscard]] std::byte* payload_at(std::uint64_t position) const noexcept {
    return reinterpret_cast<std::byte*>(&line_at(position));
  }
  [[nodiscard]] std::uint64_t lines() const noexcept { return mask_ + 1; }
  [[nodiscard]] std::uint64_t index_of(std::uint64_t position) const noexcept {
    return position & mask_;
  }

  /// The longest payload of a ring of `lines`. Half the ring, so that a message always fits once
  /// the ring is empty, wherever its end happens to lie; and what `length` can tell.
  [[nodiscard]] static constexpr std::size_t max_payload_of(std::uint64_t lines) noexcept {
    return std::min<std::size_t>(static_cast<std::size_t>(lines / 2 - 1) * kCacheLine,
                                 ring::kFollows - 1);
  }
  [[nodiscard]] std::size_t max_payload() const noexcept { return max_payload_of(lines()); }

  /// Lines that a message with `bytes` of payload takes.
  [[nodiscard]] static constexpr std::uint64_t lines_of(std::size_t bytes) noexcept {
    return bytes <= kInlineBytes ? 1 : 1 + (bytes + kCacheLine - 1) / kCacheLine;
  }

 private:
  std::byte* base_ = nullptr;
  std::uint64_t mask_ = 0;
};

}  // namespace smtni
