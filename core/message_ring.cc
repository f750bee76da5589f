#include "core/message_ring.h"

#include <bit>

#include "core/memory.h"

namespace smtni {
namespace {

Result<std::uint64_t> lines_for(Bytes capacity) {
  if (capacity < MessageRing::kMinCapacity || capacity > MessageRing::kMaxCapacity) {
    return failure(Error::Kind::invalid,
                   "a ring of " + std::to_string(capacity.count()) +
                       " bytes; accepted: " + std::to_string(MessageRing::kMinCapacity.count()) +
                       " to " + std::to_string(MessageRing::kMaxCapacity.count()));
  }
  return std::bit_ceil((capacity.count() + kCacheLine - 1) / kCacheLine);
}

}  // namespace

MessageRing::MessageRing(Mapping pages, RingMemory memory, RingProducer::Tuning tuning)
    : pages_(std::move(pages)), memory_(memory), producer_(memory, tuning), consumer_(memory) {}

Result<Bytes> MessageRing::memory_for(Bytes capacity) {
  return lines_for(capacity).map(
      [](std::uint64_t lines) { return Bytes(RingMemory::bytes_for(lines)); });
}

Result<MessageRing> MessageRing::create(Bytes capacity, RingProducer::Tuning tuning) {
  const auto lines = lines_for(capacity);
  if (!lines) return tl::unexpected(lines.error());
  return allocate({.size = Bytes(RingMemory::bytes_for(*lines))}).map([&](Memory memory) {
    const RingMemory lines_of_ring(memory.mapping.pages(), *lines);
    return MessageRing(std::move(memory.mapping), lines_of_ring, tuning);
  });
}

Result<MessageRing> MessageRing::place(std::span<std::byte> memory, Bytes capacity,
                                       RingProducer::Tuning tuning) {
  const auto lines = lines_for(capacity);
  if (!lines) return tl::unexpected(lines.error());
  return MessageRing(Mapping(), RingMemory(memory, *lines), tuning);
}

}  // namespace smtni
