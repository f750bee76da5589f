#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <vector>

#include "core/ring_layout.h"
#include "core/tsc_clock.h"
#include "ni/record.h"
#include "notify/binding.h"

namespace smtni::ni {

/// The part of the notification records of one message cache that is not in the messages' head
/// lines. Off until it is configured.
///
/// An entry belongs to a message by its position in the cache, modulo twice the cache's lines.
/// Messages that are out lie within one lap, and an entry is written for the next position only: it
/// is none of theirs, even where the cache then proves to be full.
///
/// Edges:
///   [publish]  the NI writes the entry before it pushes the message, whose stamp is a release; who
///              has taken the message, by an acquire of the stamp, reads the whole entry
///   [recycle]  an entry is written again only two laps later, that is after the release of its
///              message, which the cache's producer has acquired by then
/// Only the fall-back changes after that: an atomic byte, which orders nothing.
///
/// THREADS: read() by who has the message; the rest under the inlet lock.
class Records {
 public:
  /// Keeps records for a cache of `lines`, a power of two; 0: none. THREADS: nobody else is here.
  void configure(std::uint64_t lines) {
    entries_ = std::vector<Entry>(2 * lines);
    mask_ = entries_.empty() ? 0 : entries_.size() - 1;
  }

  [[nodiscard]] bool is_on() const noexcept { return !entries_.empty(); }

  /// The message at `position` arrives now. `binding`: what will notify of it, or null.
  /// REQUIRES: is_on(); it is the next to be pushed. COST: a reading of the time-stamp counter, a
  /// line, and the binding's look at its receiver.
  void write(std::uint64_t position, const notify::Binding* binding) noexcept {
    Entry& entry = at(position);
    entry.arrival = TscClock::now();
    entry.method = binding != nullptr ? &binding->info() : nullptr;
    set(entry, binding != nullptr ? binding->expected() : notify::Fallback::none);
  }

  /// `method` is about to notify of it. REQUIRES: is_on(); nobody else has the message.
  void tell(std::uint64_t position, const notify::Binding& method,
            notify::Fallback fallback) noexcept {
    Entry& entry = at(position);
    entry.method = &method.info();
    set(entry, fallback);
  }

  /// The message at `position` comes back from memory; its arrival is this one. REQUIRES: as
  /// write().
  void write_spilled(std::uint64_t position, const notify::Binding* binding) noexcept {
    write(position, binding);
    set(at(position), notify::Fallback::spilled);
  }

  /// The message was not notified of for itself. REQUIRES: is_on().
  void clear_fallback(std::uint64_t position) noexcept {
    set(at(position), notify::Fallback::none);
  }

  /// What the notification turned out to be, by what `binding` had counted before it. A mask stands
  /// as it was seen: only its end is counted. REQUIRES: is_on().
  void correct(std::uint64_t position, const notify::FallbackCounts& before,
               const notify::Binding& binding) noexcept {
    const notify::FallbackCounts after = binding.fallbacks();
    Entry& entry = at(position);
    if (after.os_told != before.os_told) return set(entry, notify::Fallback::os_told);
    if (after.evicted != before.evicted) return set(entry, notify::Fallback::evicted);
    if (seen(entry) != notify::Fallback::masked) set(entry, notify::Fallback::none);
  }

  /// The record of a message that is out.
  [[nodiscard]] NotificationRecord read(const Message& message) const noexcept {
    NotificationRecord record{.source = Address::from_word(message.info.peer),
                              .type_id = message.info.type_id,
                              .user_data = message.info.user_data,
                              .place = message.payload};
    if (!is_on()) return record;
    const Entry& entry = entries_[message.position & mask_];
    record.arrival = entry.arrival;
    if (entry.method != nullptr) record.method = entry.method->name;
    record.fallback = seen(entry);
    return record;
  }

 private:
  struct Entry {
    TscInstant arrival;
    const notify::MechanismInfo* method = nullptr;
    std::atomic<notify::Fallback> fallback{notify::Fallback::none};
  };

  // relaxed, both: [publish] orders the first value, and a later one stands for itself.
  static void set(Entry& entry, notify::Fallback fallback) noexcept {
    entry.fallback.store(fallback, std::memory_order_relaxed);
  }
  static notify::Fallback seen(const Entry& entry) noexcept {
    return entry.fallback.load(std::memory_order_relaxed);
  }

  Entry& at(std::uint64_t position) noexcept { return entries_[position & mask_]; }

  std::vector<Entry> entries_;
  std::uint64_t mask_ = 0;
};

}  // namespace smtni::ni
