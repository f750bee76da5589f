#include "core/message_ring.h"

#include <bit>

#include "core/memory.h"

namespace smtni {

MessageRing::MessageRing(Mapping pages, RingMemory memory, RingProducer::Tuning tuning)
    : pages_(std::move(pages)), memory_(memory), producer_(memory, tuning), consumer_(memory) {}

Result<MessageRing> MessageRing::create(Bytes capacity, RingProducer::Tuning tuning) {
  if (capacity < kMinCapacity || capacity > kMaxCapacity) {
    return failure(Error::Kind::invalid,
                   "a ring of " + std::to_string(capacity.count()) +
                       " bytes; accepted: " + std::to_string(kMinCapacity.count()) + " to " +
                       std::to_string(kMaxCapacity.count()));
  }
  const std::uint64_t lines = std::bit_ceil((capacity.count() + kCacheLine - 1) / kCacheLine);
  return allocate({.size = Bytes(RingMemory::bytes_for(lines))}).map([&](Memory memory) {
    const RingMemory lines_of_ring(memory.mapping.pages(), lines);
    return MessageRing(std::move(memory.mapping), lines_of_ring, tuning);
  });
}

}  // namespace smtni
