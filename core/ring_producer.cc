#include "core/ring_producer.h"

#include <algorithm>

namespace smtni {

RingMemory::RingMemory(std::span<std::byte> memory, std::uint64_t lines) noexcept
    : base_(memory.data()), mask_(lines - 1) {
  SMTNI_EXPECT(lines >= 4 && (lines & (lines - 1)) == 0);
  SMTNI_EXPECT(memory.size() >= bytes_for(lines));
  SMTNI_EXPECT(reinterpret_cast<std::uintptr_t>(base_) % kCacheLine == 0);
}

RingProducer::RingProducer(RingMemory memory, Tuning tuning)
    : memory_(memory),
      free_until_(memory.lines()),
      write_ahead_(static_cast<std::uint32_t>(
          std::min<std::uint64_t>(tuning.write_ahead, memory.lines() / 4))),
      stores_(tuning.stores),
      holds_payload_(static_cast<std::size_t>((memory.lines() + 63) / 64), 0) {}

std::optional<std::span<std::byte>> RingProducer::reserve(std::size_t most) noexcept {
  SMTNI_EXPECT(most <= max_payload());
  SMTNI_EXPECT(reserved_lines_ == 0);
  if (call_is_outstanding_) return std::nullopt;
  const std::uint64_t lines = RingMemory::lines_of(most);
  const std::uint64_t start = position_of_next(most);
  if (!find_room(start - position_ + lines)) return std::nullopt;
  reserved_start_ = start;
  reserved_lines_ = lines;
  reserved_bytes_ = most;
  std::byte* const bytes = lines == 1 ? memory_.line_at(reserved_start_).payload
                                      : memory_.payload_at(reserved_start_ + 1);
  return std::span(bytes, most);
}

void RingProducer::commit(std::size_t used, const MessageInfo& info) noexcept {
  SMTNI_EXPECT_HOT(reserved_lines_ != 0 && used <= reserved_bytes_);
  ring::Line& head = memory_.line_at(reserved_start_);
  std::uint64_t lines = RingMemory::lines_of(used);
  auto length = static_cast<std::uint32_t>(used);
  if (reserved_lines_ > 1) {
    // What was reserved beyond the head has been written to by the caller, used or not.
    remember_payload(reserved_start_ + 1, reserved_lines_ - 1);
    if (lines == 1) {
      std::memcpy(head.payload, memory_.payload_at(reserved_start_ + 1), used);
    } else {
      length |= ring::kFollows;
    }
  }
  publish_message(reserved_start_, length, lines, info);
  reserved_lines_ = 0;
}

void RingProducer::rollback() noexcept {
  if (reserved_lines_ > 1) remember_payload(reserved_start_ + 1, reserved_lines_ - 1);
  reserved_lines_ = 0;
  // The line that is polled next lies before what was reserved, or is its untouched head.
}

bool RingProducer::push_long(std::span<const std::byte> payload, const MessageInfo& info) noexcept {
  const auto room = reserve(payload.size());
  if (!room) return false;
  // [publish] also holds for stores that a release does not order: copy_payload fences them.
  copy_payload(stores_, room->data(), payload);
  commit(payload.size(), info);
  return true;
}

void RingProducer::publish_message(std::uint64_t start, std::uint32_t length, std::uint64_t lines,
                                   const MessageInfo& info) noexcept {
  const std::uint64_t next = start + lines;
  clear_if_payload(next);
  ring::Line& head = memory_.line_at(start);
  fill_head(head, length, info);
  const std::uint64_t polled = position_;
  position_ = next;
  if (start == polled) {
    hold_or_publish(start, start + 1);
    return;
  }
  // The head at the ring's start becomes visible through the skip alone.
  forget_payload(start);
  // relaxed: [publish] of the skip orders it.
  head.stamp.store(start + 1, std::memory_order_relaxed);
  hold_or_publish(polled, (polled + 1) | ring::kSkip);
}

void RingProducer::forget_payload(std::uint64_t position) noexcept {
  const std::uint64_t index = memory_.index_of(position);
  holds_payload_[index / 64] &= ~(1ULL << (index % 64));
}

void RingProducer::remember_payload(std::uint64_t first, std::uint64_t lines) noexcept {
  // Contiguous in the ring, so at most the first and the last word are not whole.
  std::uint64_t index = memory_.index_of(first);
  while (lines != 0) {
    const std::uint64_t bit = index % 64;
    const std::uint64_t count = std::min(lines, 64 - bit);
    holds_payload_[index / 64] |= (~0ULL >> (64 - count)) << bit;
    index += count;
    lines -= count;
  }
}

void RingProducer::hold_or_publish(std::uint64_t position, std::uint64_t stamp) noexcept {
  ring::Line& line = memory_.line_at(position);
  if (batch_is_open_ && held_stamp_ == 0) {
    held_stamp_ = stamp;
    held_position_ = position;
    return;
  }
  // [publish] release: whoever sees the stamp sees the whole message. Inside a batch it becomes
  // visible only when the batch's first stamp does.
  line.stamp.store(stamp, std::memory_order_release);
}

RingProducer::Batch::Batch(RingProducer& producer) noexcept : producer_(producer) {
  SMTNI_EXPECT(!producer_.batch_is_open_);
  producer_.batch_is_open_ = true;
}

RingProducer::Batch::~Batch() {
  producer_.batch_is_open_ = false;
  if (producer_.held_stamp_ == 0) return;
  // [publish] release: the first stamp, written last, lets the consumer at the whole batch.
  producer_.memory_.line_at(producer_.held_position_)
      .stamp.store(producer_.held_stamp_, std::memory_order_release);
  producer_.held_stamp_ = 0;
}

bool RingProducer::begin_call(std::span<const std::byte> payload,
                              const MessageInfo& info) noexcept {
  SMTNI_EXPECT(payload.size() <= kInlineBytes);
  SMTNI_EXPECT_HOT(reserved_lines_ == 0 && !batch_is_open_);
  if (call_is_outstanding_ || !find_room(1)) return false;
  ring::Line& line = memory_.line_at(position_);
  ring::copy_words(line.payload, payload);
  fill_head(line, static_cast<std::uint32_t>(payload.size()), info);
  call_is_outstanding_ = true;
  // [publish] release: whoever sees the stamp sees the whole request.
  line.stamp.store((position_ + 1) | ring::kCall, std::memory_order_release);
  return true;
}

std::optional<Message> RingProducer::poll_reply() noexcept {
  SMTNI_EXPECT_HOT(call_is_outstanding_);
  const ring::Line& line = memory_.line_at(position_);
  // [answer] acquire: whoever sees the stamp sees the whole answer.
  if (line.stamp.load(std::memory_order_acquire) != ((position_ + 1) | ring::kReply)) {
    return std::nullopt;
  }
  call_is_outstanding_ = false;
  return Message{std::span(line.payload, std::min<std::size_t>(line.length, kInlineBytes)),
                 {line.type_id, line.user_data, line.peer, line.attributes},
                 position_,
                 false};
}

bool RingProducer::has_backlog() noexcept {
  const std::uint64_t threshold = std::min(kBacklogLines, memory_.lines() / 2);
  if (position_ + memory_.lines() - free_until_ <= threshold) return false;  // as last seen
  return unread_lines() > threshold;
}

}  // namespace smtni
