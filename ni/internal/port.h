#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "core/memory.h"
#include "core/message_ring.h"
#include "core/spin_lock.h"
#include "ni/address.h"
#include "ni/counters.h"
#include "ni/endpoint.h"
#include "ni/fetch.h"
#include "ni/internal/coalescer.h"
#include "ni/internal/records.h"
#include "ni/internal/requests.h"
#include "ni/internal/spawner.h"
#include "ni/internal/spill.h"
#include "ni/internal/views.h"
#include "ni/wire.h"
#include "notify/binding.h"

namespace smtni::ni {

/// Attributes in the head line of a message, which begins its notification record: flags,
/// and in the upper half the number of the active message's handler.
inline constexpr std::uint32_t kNotificationWished = 1;
/// In the send buffer: the payload is a work request, and behind it what was composed for it.
inline constexpr std::uint32_t kWorkRequest = 2;

[[nodiscard]] constexpr std::uint32_t attributes_of(bool notify, std::uint16_t handler) noexcept {
  return (notify ? kNotificationWished : 0U) | std::uint32_t{handler} << 16;
}
[[nodiscard]] constexpr std::uint16_t handler_in(std::uint32_t attributes) noexcept {
  return static_cast<std::uint16_t>(attributes >> 16);
}

/// The interface's side of one endpoint.
///
///   part           | used by
///   message_buffer | the paper's: one block, in which send buffer, message cache and staging lie
///   send_buffer    | producer: the endpoint's thread; consumer: the NI thread (dedicated drive)
///   staging, fetch | the NI
///   requests       | the NI, or the endpoint's thread whose call does its work
///   message_cache  | producer: whoever holds `inlet`; consumer: the endpoint's thread, or whoever
///                  |   holds `inlet` while a spawner is set
///   binding        | notify(): whoever holds `inlet`; the rest: the endpoint's thread
///   is_open        | written under `inlet` and by no one else
///
/// Edges:
///   [inlet]  the inlet lock's: arrivals, a change of binding and closing happen one after another
struct Port {
  Address address;
  Memory message_buffer;
  std::optional<MessageRing> send_buffer;
  std::optional<Message> held;  // the NI's: taken from send_buffer, not yet accepted by its target

  std::optional<MessageRing> message_cache;
  // Set where a full cache spills; not changed while open. Away from what arrivals write: the
  // receiver looks here whenever it finds the cache empty.
  alignas(kLinePair) std::optional<Spill> spill;
  alignas(kLinePair) SpinLock inlet;
  bool is_open = false;
  bool holds_silent = false;  // silent messages have been placed since the latest notification
  Coalescer coalescer;
  Records records;  // also read by who has a message
  std::unique_ptr<notify::Binding> binding;
  std::unique_ptr<notify::Binding> waiting;  // receive()'s, while `binding` branches or spawns
  std::unique_ptr<notify::Binding> fallback;
  std::unique_ptr<Spawner> spawner;
  // A message waits for a context that no context will take on: retry_spawn() is due. Written under
  // `inlet`; a hint to whoever polls it.
  std::atomic<bool> spawn_is_due{false};
  AtomicCounters counters;
  Spawner::Counts spawned;                // by spawners of the past
  notify::FallbackCounts past_fallbacks;  // of bindings of the past

  std::optional<Staging> staging;  // in the message buffer; for a slow wire only, as `fetch` is
  std::optional<Fetch> fetch;
  Requests requests;
  std::optional<CompletionQueue> completions;

  // The endpoint's thread alone.
  alignas(kLinePair) std::function<void(Received&)> handler;
  std::string handler_name;
  // `binding`, for its own thread, which would otherwise look at a line that each arrival writes.
  notify::Binding* own_binding = nullptr;
  bool is_branching = false;  // the binding's role is `branches`, and it is armed
  bool in_handler = false;
  Views views;
  std::uint64_t taken = 0;   // messages that receive(), a branch or contexts have taken
  std::uint64_t issued = 0;  // requests posted
  std::optional<std::span<std::byte>> composed;  // by compose(), in the send buffer
  int serving = 0;                               // calls of serve() that run inside one another
  // Contexts may send at once, so they take turns by `outlet`. Changes only while none runs.
  bool contexts_send = false;
  SpinLock outlet;

  /// Puts the packet into the message cache and notifies. Takes the inlet lock. A packet that finds
  /// the cache full of silent messages notifies for them, lest both sides wait for ever.
  Placed place(const Packet& packet) noexcept;

  /// Starts contexts for what waits. Takes the inlet lock. THREADS: the NI, or the sender whose
  /// call does the NI's work; also for the endpoint's thread.
  void retry_spawn() noexcept;

  /// Announces what has waited for others for its period. Takes the inlet lock. THREADS: the NI's.
  void announce_if_due() noexcept;

  /// A message is there. THREADS: the endpoint's.
  [[nodiscard]] bool has_news() noexcept {
    // First behind the cache, then in it: see [drained] in spill.h.
    return (spill && spill->has_spilled()) || message_cache->consumer().has_news();
  }

  /// The next message, from behind the cache too. REQUIRES: branches of this thread are held back.
  /// THREADS: the endpoint's.
  std::optional<Message> take() noexcept {
    std::optional<Message> message = message_cache->consumer().take();
    if (!message && spill && spill->has_spilled()) [[unlikely]]
      message = take_from_spill();
    return message;
  }

  /// Moves spilled messages back into the cache. REQUIRES: the inlet lock; `spill` is set.
  bool refill() noexcept;

 private:
  std::optional<Message> take_from_spill() noexcept;
  // Where a message is kept, and where its record is, if it has one yet.
  struct Kept {
    enum class Where : std::uint8_t { nowhere, in_the_cache, behind_it };
    Where where = Where::nowhere;
    std::uint64_t position = 0;
  };
  // REQUIRES: the inlet lock.
  Kept keep(const Packet& packet) noexcept;
  // Notifies as the receiver has chosen. REQUIRES: the inlet lock.
  void announce() noexcept;
  // The same for the message at `position`, whose record it keeps right. REQUIRES: records are on.
  void announce_on_record(std::uint64_t position) noexcept;
  // REQUIRES: the inlet lock; a spawner is set.
  void spawn() noexcept;
};

}  // namespace smtni::ni
