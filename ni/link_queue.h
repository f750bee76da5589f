#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "core/cpu.h"
#include "core/memory.h"
#include "core/result.h"
#include "core/units.h"
#include "ni/wire.h"

namespace smtni::ni {

/// What may be on its way at once: bytes, a header for each packet included, and packets.
struct LinkCredit {
  std::uint64_t bytes = 0;
  std::uint64_t packets = 0;
};

/// Packets on a link, with copies of their payloads. They leave in the order in which they came.
/// All memory is taken at construction.
///
/// THREADS: one at a time.
class LinkQueue {
 public:
  /// What a packet costs beside its payload.
  static constexpr Bytes kHeader{kCacheLine};

  /// A packet on its way; its payload lies in the queue.
  struct Flight {
    Packet packet;
    TscInstant due;
    bool is_lost = false;
    std::uint64_t number = 0;  ///< of packets that the link had taken before
  };

  /// REQUIRES: neither part of `most` is 0.
  static Result<LinkQueue> create(LinkCredit most);

  /// The new last one: a copy of the packet. The rest is the caller's to fill in.
  /// REQUIRES: with it, those inside are not more than `most`.
  Flight& push(const Packet& packet) noexcept;

  [[nodiscard]] bool is_empty() const noexcept { return size_ == 0; }
  /// REQUIRES: !is_empty().
  [[nodiscard]] const Flight& head() const noexcept { return flights_[head_]; }
  /// REQUIRES: !is_empty().
  void pop() noexcept;

 private:
  LinkQueue(Memory store, std::size_t packets) : store_(std::move(store)), flights_(packets) {}

  std::span<const std::byte> stored(std::span<const std::byte> payload) noexcept;

  Memory store_;
  std::size_t next_byte_ = 0;    // of the store
  std::vector<Flight> flights_;  // a ring, from head_, of size_
  std::size_t head_ = 0;
  std::size_t size_ = 0;
};

}  // namespace smtni::ni
