#include "ni/link_queue.h"

#include <cstring>
#include <utility>

#include "core/expect.h"

namespace smtni::ni {

Result<LinkQueue> LinkQueue::create(LinkCredit most) {
  SMTNI_EXPECT(most.bytes != 0 && most.packets != 0);
  auto store = allocate({.size = Bytes(2 * most.bytes)});
  if (!store) return tl::unexpected(store.error());
  return LinkQueue(*std::move(store), most.packets);
}

LinkQueue::Flight& LinkQueue::push(const Packet& packet) noexcept {
  Flight& flight = flights_[(head_ + size_++) % flights_.size()];
  flight.packet = packet;
  flight.packet.payload = stored(packet.payload);
  return flight;
}

void LinkQueue::pop() noexcept {
  head_ = (head_ + 1) % flights_.size();
  --size_;
}

// A copy of the payload, in whole lines.
//
// The store is used round and round, and is twice as large as all credit. What is in flight is in
// one run of the ring, in order, and each packet, rounded up to lines, takes less than the credit
// it was charged, for that counts a header of one line. A run is at most its packets and, at the
// store's end, a gap smaller than the packet that did not fit there. That packet is in the run as
// long as the gap is: so run and gap stay below twice the credit, and no packet meets another.
std::span<const std::byte> LinkQueue::stored(std::span<const std::byte> payload) noexcept {
  const std::size_t room = (payload.size() + kCacheLine - 1) / kCacheLine * kCacheLine;
  const std::span<std::byte> store = store_.mapping.pages();
  if (next_byte_ + room > store.size()) next_byte_ = 0;
  const std::span<std::byte> copy = store.subspan(next_byte_, payload.size());
  if (!payload.empty()) std::memcpy(copy.data(), payload.data(), payload.size());
  next_byte_ += room;
  return copy;
}

}  // namespace smtni::ni
