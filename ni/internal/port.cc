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
  Kept kept = keep(packet);
  if (kept.where == Kept::Where::nowhere && spawner) {
    spawner->release_ended();
    kept = keep(packet);
  }
  if (kept.where == Kept::Where::nowhere) {
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
    const bool has_record = records.is_on() && kept.where == Kept::Where::in_the_cache;
    if (!coalescer.announces(index, is_asked_for)) {
      count(counters.coalesced);
      if (has_record) records.clear_fallback(kept.position);
    } else if (has_record) [[unlikely]] {
      announce_on_record(kept.position);
    } else {
      announce();
    }
  } else {
    holds_silent = true;
    count(counters.silent);
  }
  return Placed::yes;
}

Port::Kept Port::keep(const Packet& packet) noexcept {
  RingProducer& cache = message_cache->producer();
  Kept kept;
  if (spill) [[unlikely]]
    refill();
  if (records.is_on()) [[unlikely]] {
    // [publish] written before the stamp, so complete when the message is seen.
    kept.position = cache.position_of_next(packet.payload.size());
    records.write(kept.position, packet.notify ? binding.get() : nullptr);
  }
  // Payload, then the record's first part: that is the message's head line, and its stamp is stored
  // last.
  const MessageInfo head{.type_id = packet.type_id,
                         .user_data = packet.user_data,
                         .peer = packet.origin.word(),
                         .attributes = attributes_of(packet.notify, packet.handler)};
  // While others are behind the cache it may not enter: the order is that of arrival.
  if ((!spill || spill->size() == 0) && cache.push(packet.payload, head)) {
    kept.where = Kept::Where::in_the_cache;
  } else if (spill && spill->append(packet.payload, head)) {
    kept.where = Kept::Where::behind_it;
  }
  return kept;
}

bool Port::refill() noexcept {
  return spill->refill(message_cache->producer(), [this](std::uint64_t position) noexcept {
    if (records.is_on()) records.write_spilled(position, binding.get());
  });
}

std::optional<Message> Port::take_from_spill() noexcept {
  {
    const std::lock_guard guard(inlet);  // [inlet]
    refill();
  }
  return message_cache->consumer().take();
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
