#include "ni/staging.h"

#include <algorithm>
#include <string>

#include "core/expect.h"

namespace smtni::ni {
namespace {

std::size_t lines_of(std::size_t bytes) noexcept {
  return std::max<std::size_t>(1, (bytes + kCacheLine - 1) / kCacheLine);
}

bool is_size(Bytes bytes) noexcept {
  return bytes.count() != 0 && bytes.count() % kCacheLine == 0 && bytes <= Staging::kMaxOfClass;
}

std::string text_of(const StagingOptions& options) {
  return "staging of " + std::to_string(options.small.count()) + " small and " +
         std::to_string(options.bulk.count()) + " bulk bytes in segments of " +
         std::to_string(options.segment.count());
}

}  // namespace

Staging::Ring::Ring(std::span<std::byte> memory, Bytes most)
    : base(memory.data()),
      lines(memory.size() / kCacheLine),
      largest(static_cast<std::size_t>(most.count())),
      bytes_at(lines) {}

Staging::Staging(std::span<std::byte> memory, const StagingOptions& options)
    : rings_{Ring(memory.first(static_cast<std::size_t>(options.small.count())), options.small),
             Ring(memory.subspan(static_cast<std::size_t>(options.small.count()),
                                 static_cast<std::size_t>(options.bulk.count())),
                  options.segment)} {}

Result<Staging> Staging::create(std::span<std::byte> memory, const StagingOptions& options) {
  SMTNI_EXPECT(reinterpret_cast<std::uintptr_t>(memory.data()) % kCacheLine == 0);
  if (!is_size(options.small) || !is_size(options.bulk) || !is_size(options.segment)) {
    return failure(Error::Kind::invalid, text_of(options) + "; accepted: multiples of " +
                                             std::to_string(kCacheLine) + " up to " +
                                             std::to_string(kMaxOfClass.count()));
  }
  if (options.bulk.count() % options.segment.count() != 0) {
    return failure(Error::Kind::invalid, text_of(options) + "; accepted: whole segments");
  }
  if (bytes_for(options).count() > memory.size()) {
    return failure(Error::Kind::invalid, text_of(options) + " does not fit into " +
                                             std::to_string(memory.size()) + " bytes");
  }
  return Staging(memory, options);
}

// Moves `next` to where `lines` contiguous lines are free; false where there are none.
bool Staging::make_room(Ring& ring, std::size_t lines) noexcept {
  if (ring.taken == 0) ring.next = ring.oldest = 0;
  if (ring.taken == ring.lines) return false;
  if (ring.next < ring.oldest) return lines <= ring.oldest - ring.next;
  const std::size_t to_end = ring.lines - ring.next;
  if (lines <= to_end) return true;
  if (lines > ring.oldest) return false;
  ring.bytes_at[ring.next] = kGap;
  ring.taken += to_end;
  ring.next = 0;
  return true;
}

std::optional<std::span<std::byte>> Staging::take(Class of, std::size_t bytes) noexcept {
  Ring& ring = ring_of(of);
  SMTNI_EXPECT_HOT(bytes <= ring.largest);
  const std::size_t lines = lines_of(bytes);
  if (!make_room(ring, lines)) return std::nullopt;
  std::byte* const start = ring.base + ring.next * kCacheLine;
  ring.bytes_at[ring.next] = static_cast<std::uint32_t>(bytes);
  ring.next = (ring.next + lines) % ring.lines;
  ring.taken += lines;
  return std::span(start, bytes);
}

std::span<std::byte> Staging::oldest(Class of) const noexcept {
  const Ring& ring = ring_of(of);
  SMTNI_EXPECT_HOT(ring.taken != 0);
  return {ring.base + ring.oldest * kCacheLine, ring.bytes_at[ring.oldest]};
}

void Staging::give_back(Class of) noexcept {
  Ring& ring = ring_of(of);
  SMTNI_EXPECT_HOT(ring.taken != 0);
  const std::size_t lines = lines_of(ring.bytes_at[ring.oldest]);
  ring.oldest = (ring.oldest + lines) % ring.lines;
  ring.taken -= lines;
  if (ring.taken != 0 && ring.bytes_at[ring.oldest] == kGap) {
    ring.taken -= ring.lines - ring.oldest;
    ring.oldest = 0;
  }
}

}  // namespace smtni::ni
