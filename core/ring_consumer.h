#pragma once

#include <cstring>
#include <optional>

#include "core/expect.h"
#include "core/ring_layout.h"
#include "core/ring_producer.h"

namespace smtni {

/// The receiving end of a message ring.
///
/// Messages are taken in order and stay where they are until they are released, in order too. What
/// is released goes back to the producer at once when the ring is found empty or a quarter of it is
/// unreleased, else lazily; so no capacity and no message size can jam the ring.
///
/// THREADS: one thread at a time.
class RingConsumer {
 public:
  explicit RingConsumer(RingMemory memory) noexcept
      : memory_(memory), publish_after_(memory.lines() / 4) {}

  /// True when take() has something to give. COST: one load of the line that is waited for.
  [[nodiscard]] bool has_news() noexcept {
    // relaxed: only a hint; take() acquires.
    const std::uint64_t stamp = memory_.line_at(taken_).stamp.load(std::memory_order_relaxed) &
                                ~(ring::kSkip | ring::kCall);
    if (stamp == taken_ + 1) return true;
    publish_released();
    return false;
  }

  /// The next message, or nothing. The view stays valid until it is released.
  [[nodiscard]] std::optional<Message> take() noexcept {
    // [publish] acquire: whoever sees the stamp sees the whole message.
    std::uint64_t stamp = memory_.line_at(taken_).stamp.load(std::memory_order_acquire);
    if (stamp != taken_ + 1) [[unlikely]] {
      if (stamp == ((taken_ + 1) | ring::kSkip)) {
        taken_ += memory_.lines() - memory_.index_of(taken_);
        stamp = taken_ + 1;  // published before the skip was
      } else if (stamp == ((taken_ + 1) | ring::kCall)) {
        // The answer goes into this line: ask for it before the caller looks at it again.
        prefetch_for_write(&memory_.line_at(taken_));
      } else {
        publish_released();
        return std::nullopt;
      }
    }
    return view_of_current((stamp & ring::kCall) != 0);
  }

  /// Takes as many messages as are there and fit in `out`; returns how many.
  std::size_t take_batch(std::span<Message> out) noexcept;

  /// Takes the next message as a value and releases it. False when there is none.
  /// REQUIRES: the message was sent as a T.
  template <Sendable T>
  bool pop_value(T& value) noexcept {
    const std::optional<Message> message = take();
    if (!message) return false;
    SMTNI_EXPECT_HOT(message->payload.size() == sizeof(T));
    std::memcpy(&value, message->payload.data(), sizeof(T));
    release();
    return true;
  }

  /// Gives back everything that was taken; their views end. A call that is not answered by then is
  /// answered without payload, so that its caller does not wait for ever.
  void release() noexcept {
    if (call_is_unanswered_) [[unlikely]] {
      reply({});
      return;
    }
    released_ = taken_;
    if (released_ - published_ >= publish_after_) publish_released();
  }

  /// Gives back `message` and all that was taken before it.
  /// REQUIRES: it was taken, is not yet released, and no call is unanswered.
  void release_through(const Message& message) noexcept {
    released_ = message.position + RingMemory::lines_of(message.payload.size());
    if (released_ - published_ >= publish_after_) publish_released();
  }

  /// Tells the producer at once of everything that is released.
  void give_room() noexcept { publish_released(); }

  /// The next take() gives `message` again.
  /// REQUIRES: it is what was taken last, is no call, and is not released.
  void put_back(const Message& message) noexcept { taken_ = message.position; }

  /// Answers the call that was taken last, in its own line, and releases it.
  /// REQUIRES: such a call; payload.size() <= kInlineBytes.
  void reply(std::span<const std::byte> payload, const MessageInfo& info = {}) noexcept;

  [[nodiscard]] std::size_t max_payload() const noexcept { return memory_.max_payload(); }

 private:
  Message view_of_current(bool is_call) noexcept {
    const ring::Line& head = memory_.line_at(taken_);
    const std::uint32_t length = head.length;
    Message message{{head.payload, length},
                    {head.type_id, head.user_data, head.peer, head.attributes},
                    taken_,
                    is_call};
    call_is_unanswered_ = is_call;
    if ((length & ring::kFollows) == 0) [[likely]] {
      // A branch and not arithmetic on the length: the processor predicts it and fetches the next
      // lines while this one is still on its way. The empty statement keeps it a branch.
      asm volatile("");
      ++taken_;
      return message;
    }
    const std::byte* const bytes = memory_.payload_at(taken_ + 1);
    prefetch_for_read(bytes);
    message.payload = {bytes, length & ~ring::kFollows};
    taken_ += RingMemory::lines_of(message.payload.size());
    return message;
  }

  void publish_released() noexcept {
    if (published_ == released_) return;
    published_ = released_;
    // [recycle] release: every read of the released lines comes before.
    memory_.control().consumed.store(released_, std::memory_order_release);
  }

  RingMemory memory_;
  std::uint64_t taken_ = 0;      // position of the next message to take
  std::uint64_t released_ = 0;   // lines before this one are done with
  std::uint64_t published_ = 0;  // what the producer has been told of that
  std::uint64_t publish_after_;
  bool call_is_unanswered_ = false;
};

}  // namespace smtni
