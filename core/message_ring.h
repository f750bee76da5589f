#pragma once

#include "core/posix.h"
#include "core/result.h"
#include "core/ring_consumer.h"
#include "core/ring_layout.h"
#include "core/ring_producer.h"
#include "core/units.h"

/// \file
/// The message ring: one producer, one consumer, messages of any length, one cache line for a small
/// one. Start here; ring_layout.h has the protocol, ring_producer.h and ring_consumer.h the two
/// ends.
///
///     auto ring = MessageRing::create(64 * kKiB);
///     ring->producer().push_value(order, {.type_id = 7});           // one thread
///     while (auto message = ring->consumer().take()) {              // another thread
///       use(message->payload);                                      // a view into the ring
///       ring->consumer().release();
///     }
namespace smtni {

/// Owns a ring's two ends, for threads of one process, and its memory unless that is borrowed.
///
/// THREADS: producer() and consumer() may be used by one thread each, concurrently.
class MessageRing {
 public:
  static constexpr Bytes kMinCapacity{4 * kCacheLine};
  static constexpr Bytes kMaxCapacity{std::uint64_t{1} << 36};

  /// A ring of `capacity` bytes of message lines, rounded up to a power of two. `invalid` outside
  /// kMinCapacity to kMaxCapacity.
  static Result<MessageRing> create(Bytes capacity, RingProducer::Tuning tuning = {});

  /// Bytes of memory that a ring of that capacity takes.
  static Result<Bytes> memory_for(Bytes capacity);
  /// A ring in the first memory_for(capacity) bytes of `memory`, which is borrowed: zero-filled,
  /// aligned to a line, and outliving the ring. REQUIRES: it is large enough.
  static Result<MessageRing> place(std::span<std::byte> memory, Bytes capacity,
                                   RingProducer::Tuning tuning = {});

  [[nodiscard]] RingProducer& producer() noexcept { return producer_; }
  [[nodiscard]] RingConsumer& consumer() noexcept { return consumer_; }
  [[nodiscard]] Bytes capacity() const noexcept {
    return Bytes(memory_.lines() * std::uint64_t{kCacheLine});
  }
  /// The longest payload that fits.
  [[nodiscard]] std::size_t max_payload() const noexcept { return memory_.max_payload(); }

 private:
  MessageRing(Mapping pages, RingMemory memory, RingProducer::Tuning tuning);

  Mapping pages_;  // empty: borrowed
  RingMemory memory_;
  // Each end in lines of its own: they are private to two threads.
  alignas(kLinePair) RingProducer producer_;
  alignas(kLinePair) RingConsumer consumer_;
};

}  // namespace smtni
