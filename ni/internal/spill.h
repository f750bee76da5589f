#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "core/ring_producer.h"
#include "core/units.h"

namespace smtni::ni {

/// Memory for messages that found the message cache full, in the order of arrival. They go back
/// into the cache, the oldest first, as the receiver makes room.
///
/// The cache holds the oldest messages and the spill the newest, so a message may enter the cache
/// only while nothing is spilled:
///
///     spill.refill(cache);
///     const bool is_kept = (spill.size() == 0 && cache.push(payload, info)) ||
///                          spill.append(payload, info);               // false: would_block
///
/// Memory comes in chunks, on demand, up to a limit; one that has been emptied is used again. While
/// nothing is spilled one chunk of at most kChunk is kept, lest a cache that is full at every other
/// message costs an allocation each time.
///
/// Edges:
///   [inlet]    the port's: everything but has_spilled() and counts() runs under the inlet lock
///   [spilled]  append() stores true in has_spilled_, release -> has_spilled() loads it, acquire:
///              whoever sees it finds the message, by refill() under the inlet lock
///   [drained]  refill() stores false in has_spilled_, release -> has_spilled() loads it, acquire:
///              whoever sees it and then looks at the cache finds there what was spilled
///
/// So a receiver that is about to sleep looks at has_spilled() first and at the cache after it. The
/// other way round a refill between the two looks would hide the message from both, and the
/// notification for it has been made long ago.
class Spill {
 public:
  struct Counts {
    std::uint64_t spilled = 0;        ///< messages sent to memory
    std::uint64_t refilled = 0;       ///< of these, messages that are back in the cache
    std::uint64_t spilled_bytes = 0;  ///< of payload, sent to memory
    std::uint64_t peak_bytes = 0;     ///< the most memory held at once
  };

  static constexpr std::size_t kChunk = 64 * 1024;
  /// What one refill() moves at most, give or take a message: it holds the inlet.
  static constexpr std::size_t kRefillBytes = 16 * 1024;

  /// Never holds more memory than `limit`, the payloads' own headers included.
  explicit Spill(Bytes limit) noexcept : limit_(limit.count()) {}
  Spill(const Spill&) = delete;
  Spill& operator=(const Spill&) = delete;
  ~Spill();

  /// Keeps a copy of the message behind all others. False, without effect, when it does not fit
  /// within the limit or no memory is to be had: the wire is then held back.
  /// REQUIRES: payload.size() <= the cache's max_payload(). COST: a copy; seldom an allocation.
  bool append(std::span<const std::byte> payload, const MessageInfo& info) noexcept;

  /// Moves messages back into the cache, the oldest first, while there is room; about kRefillBytes
  /// of payload at a time. Returns whether something moved.
  bool refill(RingProducer& cache) noexcept {
    return refill(cache, [](std::uint64_t /*position*/) noexcept {});
  }
  /// The same; `before_push(position)` is called for each message before it may come to lie at that
  /// position of the cache.
  template <class BeforePush>
  bool refill(RingProducer& cache, const BeforePush& before_push) noexcept;

  /// Messages that are in memory now.
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }

  /// A hint that size() is not zero, for a receiver that finds its cache empty. THREADS: any.
  [[nodiscard]] bool has_spilled() const noexcept {
    // [spilled] [drained] acquire.
    return has_spilled_.load(std::memory_order_acquire);
  }

  /// THREADS: any; recent values.
  [[nodiscard]] Counts counts() const noexcept;

 private:
  // In a chunk: this, then the payload, then what rounds both up to the next one's alignment.
  struct Record {
    MessageInfo info;
    std::size_t bytes;

    [[nodiscard]] static constexpr std::size_t room_for(std::size_t bytes) noexcept {
      return (sizeof(Record) + bytes + alignof(Record) - 1) / alignof(Record) * alignof(Record);
    }
  };

  // Records lie in [begin, end) of `bytes`.
  struct Chunk {
    std::unique_ptr<std::byte[]> bytes;
    std::size_t capacity = 0;
    std::size_t begin = 0;
    std::size_t end = 0;
    std::unique_ptr<Chunk> next = nullptr;
  };

  // The oldest message. REQUIRES: size_ != 0.
  struct Oldest {
    std::span<const std::byte> payload;
    MessageInfo info;
  };
  [[nodiscard]] Oldest oldest() const noexcept;
  void drop_oldest() noexcept;
  void refilled(std::uint64_t count) noexcept;
  bool make_room(std::size_t room) noexcept;
  std::unique_ptr<Chunk> new_chunk(std::size_t room) noexcept;
  void drop_first() noexcept;

  std::size_t limit_;
  std::size_t held_ = 0;           // bytes of all chunks, the spare one too
  std::unique_ptr<Chunk> oldest_;  // holds the oldest message; null: nothing is spilled
  Chunk* newest_ = nullptr;        // holds the newest
  std::unique_ptr<Chunk> spare_;   // emptied, for the next time
  std::uint64_t size_ = 0;
  // Written under the inlet lock; read by anyone.
  std::atomic<bool> has_spilled_{false};
  std::atomic<std::uint64_t> spilled_{0};
  std::atomic<std::uint64_t> refilled_{0};
  std::atomic<std::uint64_t> spilled_bytes_{0};
  std::atomic<std::uint64_t> peak_bytes_{0};
};

template <class BeforePush>
bool Spill::refill(RingProducer& cache, const BeforePush& before_push) noexcept {
  std::size_t moved_bytes = 0;
  const std::uint64_t size_before = size_;
  while (size_ != 0 && moved_bytes < kRefillBytes) {
    const Oldest message = oldest();
    before_push(cache.position_of_next(message.payload.size()));
    if (!cache.push(message.payload, message.info)) break;
    moved_bytes += Record::room_for(message.payload.size());
    drop_oldest();
  }
  if (size_ == size_before) return false;
  refilled(size_before - size_);
  return true;
}

}  // namespace smtni::ni
