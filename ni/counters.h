#pragma once

#include <atomic>
#include <cstdint>

namespace smtni::ni {

/// What has happened at one endpoint since it was opened. Messages placed and not spilled are the
/// message cache's hits.
struct Counters {
  std::uint64_t placed = 0;     ///< messages placed in its message cache, or behind it
  std::uint64_t notified = 0;   ///< notifications made for them
  std::uint64_t silent = 0;     ///< messages whose sender wished for none
  std::uint64_t coalesced = 0;  ///< messages placed whose notification was left to another
  std::uint64_t spilled = 0;    ///< messages that found the message cache full and went to memory
  std::uint64_t refilled = 0;   ///< of these, back in the cache: its misses
  std::uint64_t held_back = 0;  ///< attempts to place a message in a full message cache
  std::uint64_t composed_bytes = 0;  ///< of one-sided operations, copied into the send buffer
  std::uint64_t staged_bytes = 0;    ///< of long transfers, fetched into staging
  std::uint64_t bubbles = 0;         ///< times that such a transfer had nothing ready for the wire
  std::uint64_t undeliverable = 0;   ///< messages that it sent to an endpoint closed since
  std::uint64_t started = 0;         ///< contexts started for messages
  std::uint64_t continued = 0;       ///< messages taken on by a context that had ended its own
  std::uint64_t os_threads = 0;      ///< contexts that the operating system was asked for
  std::uint64_t deferred = 0;        ///< messages that no context could be had for at their turn
  std::uint64_t evicted = 0;         ///< contexts that gave way to one for a message
  std::uint64_t os_told = 0;         ///< notifications of a receiver that was not on a CPU
  std::uint64_t masked = 0;          ///< branches that came about only when a mask ended
};

/// The counters that the NI keeps. Each has one writer at a time; readers see a recent value.
struct AtomicCounters {
  std::atomic<std::uint64_t> placed{0};
  std::atomic<std::uint64_t> notified{0};
  std::atomic<std::uint64_t> silent{0};
  std::atomic<std::uint64_t> coalesced{0};
  std::atomic<std::uint64_t> held_back{0};
  std::atomic<std::uint64_t> undeliverable{0};
  std::atomic<std::uint64_t> composed_bytes{0};
  std::atomic<std::uint64_t> staged_bytes{0};
  std::atomic<std::uint64_t> bubbles{0};
};

/// REQUIRES: nobody else counts here at the same time. COST: no locked instruction.
inline void count(std::atomic<std::uint64_t>& counter, std::uint64_t by = 1) noexcept {
  // relaxed: a statistic orders nothing.
  counter.store(counter.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
}

}  // namespace smtni::ni
