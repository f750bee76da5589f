#include "ni/internal/port.h"

#include <mutex>

namespace smtni::ni {

Placed Port::place(const Packet& packet) noexcept {
  const std::lock_guard guard(inlet);  // [inlet]
  if (!is_open || packet.target != address) return Placed::nobody;
  RingProducer& cache = message_cache->producer();
  if (packet.payload.size() > cache.max_payload()) return Placed::too_large;
  if (packet.notify) {
    binding->prepare();
    if (spawner) spawner->prepare();
  }
  std::uint64_t position = 0;
  if (records.is_on()) [[unlikely]] {
    // [publish] written before the stamp, so complete when the message is seen.
    position = cache.position_of_next(packet.payload.size());
    records.write(position, packet.notify ? binding.get() : nullptr);
  }
  // Payload, then the record's first part: that is the message's head line, and its stamp is stored
  // last.
  const MessageInfo record{.type_id = packet.type_id,
                           .user_data = packet.user_data,
                           .peer = packet.origin.word(),
                           .attributes = attributes_of(packet.notify, packet.handler)};
  bool pushed = cache.push(packet.payload, record);
  if (!pushed && spawner) {
    spawner->release_ended();
    pushed = cache.push(packet.payload, record);
  }
  if (!pushed) {
    count(counters.held_back);
    // What fills the cache may all be unannounced, and its receiver asleep: then it must look now.
    if (holds_silent || coalescer.has_unannounced()) announce();
    return Placed::would_block;
  }
  // relaxed: this side's own count.
  const std::uint64_t index = counters.placed.load(std::memory_order_relaxed);
  count(counters.placed);
  // Then the notification.
  if (packet.notify) {
    const bool is_asked_for = !waiting;  // no branch or spawn is set in the place of receive()
    if (!coalescer.announces(index, is_asked_for)) {
      count(counters.coalesced);
      if (records.is_on()) records.clear_fallback(position);
    } else if (records.is_on()) [[unlikely]] {
      announce_on_record(position);
    } else {
      announce();
    }
  } else {
    holds_silent = true;
    count(counters.silent);
  }
  return Placed::yes;
}

void Port::announce() noexcept {
  holds_silent = false;
  coalescer.announced();
  count(counters.notified);
  if (spawner) {
    spawn();
  } else {
    binding->notify(nullptr);
  }
}

void Port::announce_on_record(std::uint64_t position) noexcept {
  if (spawner) return announce();  // which keeps the records of what it starts
  const notify::FallbackCounts before = binding->fallbacks();
  announce();
  records.correct(position, before, *binding);
}

void Port::announce_if_due() noexcept {
  if (!coalescer.is_due()) return;
  const std::lock_guard guard(inlet);  // [inlet]
  if (is_open && coalescer.has_unannounced()) announce();
}

void Port::spawn() noexcept {
  // relaxed: the inlet lock orders what it is about; who polls it only takes the lock.
  spawn_is_due.store(!spawner->dispatch(), std::memory_order_relaxed);
}

void Port::retry_spawn() noexcept {
  const std::lock_guard guard(inlet);  // [inlet]
  if (spawner) {
    spawn();
  } else {
    spawn_is_due.store(false, std::memory_order_relaxed);
  }
}

}  // namespace smtni::ni
