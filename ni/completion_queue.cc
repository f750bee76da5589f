#include "ni/completion_queue.h"

#include <algorithm>
#include <bit>
#include <string>

namespace smtni::ni {

CompletionQueue::CompletionQueue(std::uint64_t entries)
    : lines_(std::make_unique<Line[]>(static_cast<std::size_t>(entries / kEntriesOfLine))),
      mask_(entries - 1) {}

Result<CompletionQueue> CompletionQueue::create(std::uint32_t capacity) {
  if (capacity == 0 || capacity > kMaxCapacity) {
    return failure(Error::Kind::invalid, "a completion queue of " + std::to_string(capacity) +
                                             "; accepted: 1 to " + std::to_string(kMaxCapacity));
  }
  return CompletionQueue(std::bit_ceil(std::max<std::uint32_t>(capacity, kEntriesOfLine)));
}

}  // namespace smtni::ni
