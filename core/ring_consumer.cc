#include "core/ring_consumer.h"

namespace smtni {

std::size_t RingConsumer::take_batch(std::span<Message> out) noexcept {
  std::size_t count = 0;
  while (count < out.size()) {
    const std::optional<Message> message = take();
    if (!message) break;
    out[count++] = *message;
    if (message->is_call) break;  // nothing follows a call before its answer
  }
  return count;
}

void RingConsumer::reply(std::span<const std::byte> payload, const MessageInfo& info) noexcept {
  SMTNI_EXPECT(payload.size() <= kInlineBytes);
  SMTNI_EXPECT_HOT(call_is_unanswered_);
  call_is_unanswered_ = false;
  --taken_;  // the next message or call comes at the same position
  released_ = taken_;
  ring::Line& line = memory_.line_at(taken_);
  ring::copy_words(line.payload, payload);
  line.length = static_cast<std::uint32_t>(payload.size());
  line.type_id = info.type_id;
  line.user_data = info.user_data;
  line.peer = info.peer;
  line.attributes = info.attributes;
  // [answer] release: whoever sees the stamp sees the whole answer.
  line.stamp.store((taken_ + 1) | ring::kReply, std::memory_order_release);
}

}  // namespace smtni
