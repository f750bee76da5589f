#include "ni/internal/spill.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

namespace smtni::ni {
namespace {

// relaxed: a statistic orders nothing, and has one writer at a time.
void add(std::atomic<std::uint64_t>& counter, std::uint64_t count) noexcept {
  counter.store(counter.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
}

}  // namespace

Spill::~Spill() {
  // One after the other: a chain of owners would be destroyed by as deep a recursion.
  while (oldest_) oldest_ = std::move(oldest_->next);
}

bool Spill::append(std::span<const std::byte> payload, const MessageInfo& info) noexcept {
  const std::size_t room = Record::room_for(payload.size());
  if (!make_room(room)) return false;
  std::byte* const at = newest_->bytes.get() + newest_->end;
  new (at) Record{info, payload.size()};
  if (!payload.empty()) std::memcpy(at + sizeof(Record), payload.data(), payload.size());
  newest_->end += room;
  ++size_;
  add(spilled_, 1);
  add(spilled_bytes_, payload.size());
  // [spilled] release: the hint comes after the message.
  has_spilled_.store(true, std::memory_order_release);
  return true;
}

Spill::Oldest Spill::oldest() const noexcept {
  const std::byte* const at = oldest_->bytes.get() + oldest_->begin;
  const Record& record = *std::launder(reinterpret_cast<const Record*>(at));
  return {{at + sizeof(Record), record.bytes}, record.info};
}

void Spill::drop_oldest() noexcept {
  oldest_->begin += Record::room_for(oldest().payload.size());
  --size_;
  if (oldest_->begin == oldest_->end) drop_first();
}

void Spill::refilled(std::uint64_t count) noexcept {
  add(refilled_, count);
  if (size_ != 0) return;
  // [drained] release: the cache holds what was spilled.
  has_spilled_.store(false, std::memory_order_release);
}

Spill::Counts Spill::counts() const noexcept {
  return {.spilled = spilled_.load(std::memory_order_relaxed),
          .refilled = refilled_.load(std::memory_order_relaxed),
          .spilled_bytes = spilled_bytes_.load(std::memory_order_relaxed),
          .peak_bytes = peak_bytes_.load(std::memory_order_relaxed)};
}

// Afterwards the newest chunk has `room` bytes behind its end.
bool Spill::make_room(std::size_t room) noexcept {
  if (newest_ != nullptr && newest_->capacity - newest_->end >= room) return true;
  std::unique_ptr<Chunk> chunk = new_chunk(room);
  if (!chunk) return false;
  Chunk* const added = chunk.get();
  (newest_ == nullptr ? oldest_ : newest_->next) = std::move(chunk);
  newest_ = added;
  return true;
}

std::unique_ptr<Spill::Chunk> Spill::new_chunk(std::size_t room) noexcept {
  if (spare_ && spare_->capacity >= room) return std::move(spare_);
  // A spare one that is too small must not stand in the way of one that is not.
  if (spare_) {
    held_ -= spare_->capacity;
    spare_.reset();
  }
  if (room > limit_ - held_) return nullptr;
  const std::size_t capacity = std::max(room, std::min(kChunk, limit_ - held_));
  std::unique_ptr<Chunk> chunk(new (std::nothrow) Chunk);
  if (!chunk) return nullptr;
  chunk->bytes.reset(new (std::nothrow) std::byte[capacity]);
  if (!chunk->bytes) return nullptr;
  chunk->capacity = capacity;
  held_ += capacity;
  // relaxed: a statistic.
  if (held_ > peak_bytes_.load(std::memory_order_relaxed)) {
    peak_bytes_.store(held_, std::memory_order_relaxed);
  }
  return chunk;
}

// The oldest chunk holds nothing more.
void Spill::drop_first() noexcept {
  std::unique_ptr<Chunk> emptied = std::move(oldest_);
  oldest_ = std::move(emptied->next);
  if (!oldest_) newest_ = nullptr;
  emptied->begin = 0;
  emptied->end = 0;
  if (!spare_ && emptied->capacity <= kChunk) {
    spare_ = std::move(emptied);
  } else {
    held_ -= emptied->capacity;
  }
}

}  // namespace smtni::ni
