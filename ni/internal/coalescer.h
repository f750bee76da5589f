#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "core/cpu.h"
#include "core/deadline.h"
#include "ni/endpoint.h"

namespace smtni::ni {

/// Decides which messages of one endpoint are announced at once, and which wait for others.
///
/// By count and time: the message that makes the count full is announced, else all are when the
/// period after the first of them has passed.
///
/// By event index (virtio 1.2, 2.7.7): the receiver names the message, counted from 0, whose
/// arrival it wants to be told of, or that of the next one after it that is not silent; others are
/// not announced, for a receiver that has not asked is awake and will look. It asks before it
/// waits, so a busy receiver costs no notification at all.
///
/// Edge:
///   [event]  ask() exchanges event_ and then looks for messages; announces() has published a
///            message and then reads event_ by a read-modify-write. Of two of these on one word one
///            comes first: either announces() reads the question, or the look sees the message.
///            Acquire and release at both (tests/model/event_index_model_test.cc).
///
/// THREADS: ask() is the receiver's, is_due() anybody's; the rest runs under the inlet lock.
class Coalescer {
 public:
  void configure(const Coalescing& options) noexcept {
    options_ = options;
    unannounced_ = 0;
    answered_ = ~std::uint64_t{0};
    due_at_.store(0, std::memory_order_relaxed);  // relaxed: the inlet lock orders it
    event_.store(options.messages - 1, std::memory_order_relaxed);
  }

  /// The receiver is about to wait, having taken `taken` messages.
  void ask(std::uint64_t taken) noexcept {
    if (!options_.event_index) return;
    event_.exchange(taken + options_.messages - 1, std::memory_order_acq_rel);  // [event]
  }

  /// Whether message number `index`, which has just been placed, is to be announced now.
  /// `is_asked_for`: the receiver is one that asks, so the event index counts.
  [[nodiscard]] bool announces(std::uint64_t index, bool is_asked_for) noexcept {
    if (options_.event_index && is_asked_for) {
      const std::uint64_t event = event_.fetch_add(0, std::memory_order_acq_rel);  // [event]
      if (event == answered_) return false;  // the receiver has not asked since
      if (index >= event) {  // later than asked for where silent messages lie between
        answered_ = event;
        return true;
      }
    } else if (unannounced_ + 1 >= options_.messages) {
      return true;
    }
    if (++unannounced_ == 1 && options_.period.count() != 0) {
      due_at_.store(ticks_of(in(std::chrono::nanoseconds(options_.period.count()))),
                    std::memory_order_relaxed);  // relaxed: a hint
    }
    return false;
  }

  /// Messages wait to be announced.
  [[nodiscard]] bool has_unannounced() const noexcept { return unannounced_ != 0; }

  /// All there is has been announced.
  void announced() noexcept {
    if (unannounced_ == 0) [[likely]]
      return;
    unannounced_ = 0;
    due_at_.store(0, std::memory_order_relaxed);  // relaxed: a hint
  }

  /// A period is under way. COST: one load.
  [[nodiscard]] bool is_counting() const noexcept {
    return due_at_.load(std::memory_order_relaxed) != 0;  // relaxed: a hint
  }
  /// It has passed.
  [[nodiscard]] bool is_due() const noexcept {
    const std::int64_t at = due_at_.load(std::memory_order_relaxed);  // relaxed: a hint
    return at != 0 && ticks_of(Deadline::clock::now()) >= at;
  }

 private:
  static std::int64_t ticks_of(Deadline at) noexcept { return at.time_since_epoch().count(); }

  Coalescing options_;
  std::uint32_t unannounced_ = 0;
  std::uint64_t answered_ = 0;           // the event that was announced last
  std::atomic<std::int64_t> due_at_{0};  // 0: no period is under way
  // Written by the receiver when it is about to wait, read by the NI at every message.
  alignas(kLinePair) std::atomic<std::uint64_t> event_{0};
};

}  // namespace smtni::ni
