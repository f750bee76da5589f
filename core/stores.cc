#include "core/stores.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "core/cpu.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SMTNI_UNDER_THREAD_SANITIZER
#endif
#elif defined(__SANITIZE_THREAD__)
#define SMTNI_UNDER_THREAD_SANITIZER
#endif
#ifdef SMTNI_UNDER_THREAD_SANITIZER
extern "C" void __tsan_write_range(void* first, long bytes);
#endif

namespace smtni {
namespace {

// How far ahead of a long copy ownership of lines is asked for.
constexpr std::size_t kCopyAhead = 1024;
constexpr std::size_t kCopyChunk = 512;

void prefetch_lines(std::byte* first, std::size_t bytes) noexcept {
  for (std::size_t at = 0; at < bytes; at += kCacheLine) prefetch_for_write(first + at);
}

// memcpy that overlaps the transfers of the lines that it is about to write.
void copy_cached(std::byte* to, std::span<const std::byte> from) noexcept {
  const std::size_t size = from.size();
  prefetch_lines(to, std::min(size, kCopyAhead));
  for (std::size_t at = 0; at < size; at += kCopyChunk) {
    const std::size_t chunk = std::min(kCopyChunk, size - at);
    if (at + kCopyAhead < size) {
      prefetch_lines(to + at + kCopyAhead, std::min(kCopyChunk, size - at - kCopyAhead));
    }
    std::memcpy(to + at, from.data() + at, chunk);
  }
}

void copy_part_of_line(std::byte* to, std::span<const std::byte> from) noexcept {
  if (!from.empty()) std::memcpy(to, from.data(), from.size());
}

std::size_t bytes_to_line_end(const std::byte* address) noexcept {
  return (kCacheLine - reinterpret_cast<std::uintptr_t>(address) % kCacheLine) % kCacheLine;
}

#if defined(__x86_64__)

// `to` is aligned to a line. Four stores in a row fill one buffer, which leaves as a whole line.
void stream_line(std::byte* to, const std::byte* from) noexcept {
  for (std::size_t at = 0; at < kCacheLine; at += sizeof(__m128i)) {
    _mm_stream_si128(reinterpret_cast<__m128i*>(to + at),
                     _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + at)));
  }
}

// Non-temporal stores are ordered by no release store: on x86-64 that is a plain one, and they may
// become visible after it.
void fence_streamed() noexcept { _mm_sfence(); }

bool has_cldemote() noexcept {
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && ((c >> 25U) & 1U) != 0;
}

// The instruction does nothing on processors that lack it.
[[gnu::target("cldemote")]] void demote_lines(std::byte* first, std::size_t bytes) noexcept {
  std::byte* const line = first - reinterpret_cast<std::uintptr_t>(first) % kCacheLine;
  for (std::byte* at = line; at < first + bytes; at += kCacheLine) _cldemote(at);
}

#elif defined(__aarch64__)

// A hint like any other there: ordered by a release store as all stores are.
void stream_line(std::byte* to, const std::byte* from) noexcept {
  asm volatile(
      "ldp q0, q1, [%1]\n\t"
      "ldp q2, q3, [%1, #32]\n\t"
      "stnp q0, q1, [%0]\n\t"
      "stnp q2, q3, [%0, #32]"
      :
      : "r"(to), "r"(from)
      : "v0", "v1", "v2", "v3", "memory");
}

void fence_streamed() noexcept {}
void demote_lines(std::byte*, std::size_t) noexcept {}

#else

void stream_line(std::byte* to, const std::byte* from) noexcept {
  std::memcpy(to, from, kCacheLine);
}
void fence_streamed() noexcept {}
void demote_lines(std::byte*, std::size_t) noexcept {}

#endif

void copy_streaming(std::byte* to, std::span<const std::byte> from) noexcept {
  std::size_t at = std::min(bytes_to_line_end(to), from.size());
  copy_part_of_line(to, from.first(at));
#ifdef SMTNI_UNDER_THREAD_SANITIZER
  __tsan_write_range(to, static_cast<long>(from.size()));  // which does not see these instructions
#endif
  for (; at + kCacheLine <= from.size(); at += kCacheLine) stream_line(to + at, from.data() + at);
  copy_part_of_line(to + at, from.subspan(at));
  // [publish] The other half of the release that stores the stamp: without it the stamp could be
  // seen before the payload.
  fence_streamed();
}

}  // namespace

Result<Stores> stores_named(std::string_view name) {
  const auto* const found = std::find(kStoresNames.begin(), kStoresNames.end(), name);
  if (found != kStoresNames.end()) return static_cast<Stores>(found - kStoresNames.begin());
  std::string accepted;
  for (const std::string_view known : kStoresNames) {
    accepted += (accepted.empty() ? "" : ", ") + std::string(known);
  }
  return failure(Error::Kind::invalid, "stores '" + std::string(name) + "'; accepted: " + accepted);
}

Result<void> check(Stores stores) {
#if defined(__x86_64__)
  if (stores != Stores::demoted || has_cldemote()) return {};
  return failure(Error::Kind::unsupported,
                 "the processor lacks CLDEMOTE (CPUID.(7,0):ECX[25] is 0)");
#elif defined(__aarch64__)
  if (stores != Stores::demoted) return {};
  return failure(Error::Kind::unsupported, "CLDEMOTE: an instruction of x86-64 alone");
#else
  if (stores == Stores::cached) return {};
  return failure(Error::Kind::unsupported, "only x86-64 and AArch64 have such stores here");
#endif
}

void copy_payload(Stores stores, std::byte* to, std::span<const std::byte> from) noexcept {
  switch (stores) {
    case Stores::cached:
      return copy_cached(to, from);
    case Stores::streaming:
      return copy_streaming(to, from);
    case Stores::demoted:
      copy_cached(to, from);
      return demote_lines(to, from.size());
  }
}

}  // namespace smtni
