#pragma once

#include <cstring>
#include <optional>
#include <vector>

#include "core/deadline.h"
#include "core/expect.h"
#include "core/ring_layout.h"
#include "core/stores.h"

namespace smtni {

template <class T>
concept Sendable = std::is_trivially_copyable_v<T> && alignof(T) <= kCacheLine;

/// The sending end of a message ring.
///
/// THREADS: one thread at a time. COST: a small message is one line transfer and no read of a
/// shared line, except once for each time that the consumer's position, as last seen, is used up.
class RingProducer {
 public:
  struct Tuning {
    /// Lines ahead of the next message of which ownership is asked for; 0 turns that off. Overlaps
    /// transfers that a store would otherwise wait for one by one. At most a quarter of the ring.
    std::uint32_t write_ahead = 4;
    /// How push() writes a payload that is longer than a line. One that lies in the message's head
    /// line takes ordinary stores always: the receiver reads that line first, and soon.
    Stores stores = Stores::cached;
  };

  explicit RingProducer(RingMemory memory, Tuning tuning);
  explicit RingProducer(RingMemory memory) : RingProducer(memory, Tuning{}) {}

  /// Copies a message in and publishes it. False, without effect, while there is no room for it or
  /// a call is outstanding. REQUIRES: payload.size() <= max_payload(); nothing is reserved.
  bool push(std::span<const std::byte> payload, const MessageInfo& info = {}) noexcept {
    if (payload.size() > kInlineBytes) return push_long(payload, info);
    return push_inline(payload.data(), payload.size(), info);
  }

  /// The same for one value.
  template <Sendable T>
  bool push_value(const T& value, const MessageInfo& info = {}) noexcept {
    if constexpr (sizeof(T) <= kInlineBytes) {
      return push_inline(reinterpret_cast<const std::byte*>(&value), sizeof(T), info);
    } else {
      return push_long(std::as_bytes(std::span<const T, 1>(&value, 1)), info);
    }
  }

  /// Room for up to `most` bytes, to be filled in place; nothing while there is none. The bytes are
  /// aligned to a line and not cleared. REQUIRES: most <= max_payload(); nothing is reserved.
  [[nodiscard]] std::optional<std::span<std::byte>> reserve(std::size_t most) noexcept;
  /// Publishes the first `used` bytes of what is reserved. REQUIRES: used <= what was asked for.
  void commit(std::size_t used, const MessageInfo& info = {}) noexcept;
  /// Forgets what is reserved, as if it had never been.
  void rollback() noexcept;

  /// While a batch lives, messages are written but the first of them stays unpublished, so that the
  /// consumer sees all of them or none. Ends with its scope. Room that it lacks does not come while
  /// it lives.
  class Batch {
   public:
    /// REQUIRES: the producer has no other batch and outlives this one.
    explicit Batch(RingProducer& producer) noexcept;
    ~Batch();
    Batch(const Batch&) = delete;
    Batch& operator=(const Batch&) = delete;

   private:
    RingProducer& producer_;
  };

  /// Sends a message whose answer comes back in its own line. False while there is no room or a
  /// call is outstanding. REQUIRES: payload.size() <= kInlineBytes; no batch; nothing is reserved.
  bool begin_call(std::span<const std::byte> payload, const MessageInfo& info = {}) noexcept;
  /// The answer, once it is there: a view, valid until the next call or push. Until then the call
  /// stays outstanding. REQUIRES: a call is outstanding.
  [[nodiscard]] std::optional<Message> poll_reply() noexcept;
  [[nodiscard]] bool call_is_outstanding() const noexcept { return call_is_outstanding_; }

  /// True when the consumer, as far as can be told cheaply, is more than kBacklogLines behind: then
  /// it does not wait, and a message may as well travel with the next ones.
  [[nodiscard]] bool has_backlog() noexcept;
  static constexpr std::uint64_t kBacklogLines = 16;

  /// Lines that the consumer has not given back. COST: reads the consumer's line.
  [[nodiscard]] std::uint64_t unread_lines() noexcept {
    look_at_consumer();
    return position_ + memory_.lines() - free_until_;
  }

  [[nodiscard]] std::size_t max_payload() const noexcept { return memory_.max_payload(); }
  [[nodiscard]] std::uint64_t position() const noexcept { return position_; }

  /// Where the next message will lie if it has `bytes` of payload, as Message::position tells it;
  /// whether or not there is room for it now.
  [[nodiscard]] std::uint64_t position_of_next(std::size_t bytes) const noexcept {
    const std::uint64_t to_end = memory_.lines() - memory_.index_of(position_);
    return RingMemory::lines_of(bytes) <= to_end ? position_ : position_ + to_end;
  }

 private:
  bool push_inline(const std::byte* payload, std::size_t size, const MessageInfo& info) noexcept {
    SMTNI_EXPECT_HOT(reserved_lines_ == 0);
    if (position_ >= free_until_ && !find_room(1)) return false;
    if (call_is_outstanding_) return false;
    ring::Line& line = memory_.line_at(position_);
    ring::copy_words(line.payload, {payload, size});
    const std::uint64_t next = position_ + 1;
    clear_if_payload(next);
    fill_head(line, static_cast<std::uint32_t>(size), info);
    if (batch_is_open_) {
      hold_or_publish(position_, next);
    } else {
      // [publish] release: whoever sees the stamp sees the whole message.
      line.stamp.store(next, std::memory_order_release);
    }
    position_ = next;
    if (write_ahead_ != 0) prefetch_ahead();
    return true;
  }

  bool push_long(std::span<const std::byte> payload, const MessageInfo& info) noexcept;

  static void fill_head(ring::Line& line, std::uint32_t length, const MessageInfo& info) noexcept {
    line.length = length;
    line.type_id = info.type_id;
    line.user_data = info.user_data;
    line.peer = info.peer;
    line.attributes = info.attributes;
  }

  // Whether `lines` lines from position_ on may be written; looks at the consumer if need be.
  bool find_room(std::uint64_t lines) noexcept {
    if (position_ + lines <= free_until_) return true;
    look_at_consumer();
    return position_ + lines <= free_until_;
  }

  void look_at_consumer() noexcept {
    // [recycle] acquire: the consumer has finished reading the lines before they are overwritten.
    free_until_ = memory_.control().consumed.load(std::memory_order_acquire) + memory_.lines();
  }

  // Never a line that may hold an unread message.
  void prefetch_ahead() noexcept {
    const std::uint64_t ahead = position_ + write_ahead_;
    if (ahead >= free_until_) look_at_consumer();
    if (ahead < free_until_) prefetch_for_write(&memory_.line_at(ahead));
  }

  // The line that is polled next must not pass for published. At free_until_ it may be unread, but
  // then it starts a message, for the consumer's position always does.
  void clear_if_payload(std::uint64_t position) noexcept {
    const std::uint64_t index = memory_.index_of(position);
    std::uint64_t& word = holds_payload_[index / 64];
    const std::uint64_t bit = 1ULL << (index % 64);
    if ((word & bit) == 0) [[likely]]
      return;
    word &= ~bit;
    // relaxed: ordered before the consumer's look by [publish] of the message before it.
    memory_.line_at(position).stamp.store(0, std::memory_order_relaxed);
  }

  void remember_payload(std::uint64_t first, std::uint64_t lines) noexcept;
  void forget_payload(std::uint64_t position) noexcept;
  void hold_or_publish(std::uint64_t position, std::uint64_t stamp) noexcept;
  void publish_message(std::uint64_t start, std::uint32_t length, std::uint64_t lines,
                       const MessageInfo& info) noexcept;

  RingMemory memory_;
  std::uint64_t position_ = 0;    // of the next message
  std::uint64_t free_until_ = 0;  // lines before this one may be written, as last seen
  std::uint32_t write_ahead_;
  Stores stores_;
  bool batch_is_open_ = false;
  bool call_is_outstanding_ = false;
  std::uint64_t held_stamp_ = 0;  // of the batch's first message; 0: none is held
  std::uint64_t held_position_ = 0;
  std::uint64_t reserved_start_ = 0;
  std::uint64_t reserved_lines_ = 0;  // 0: nothing is reserved
  std::size_t reserved_bytes_ = 0;
  std::vector<std::uint64_t> holds_payload_;  // a bit a line: its first word is payload
};

}  // namespace smtni
