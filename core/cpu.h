#pragma once

#include <cstddef>
#include <cstdint>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace smtni {

/// The unit that moves between caches. Layouts are fixed to it, so it is a constant and not
/// std::hardware_destructive_interference_size, which varies with compiler flags.
inline constexpr std::size_t kCacheLine = 64;

/// What different threads write stays this far apart: an adjacent-line prefetcher moves lines in
/// aligned pairs, so a neighbour line would be taken away along with the one that is asked for.
inline constexpr std::size_t kLinePair = 2 * kCacheLine;

/// One step of a polite spin: tells an SMT sibling to go first and stops the polled line from being
/// stolen in the middle of a write. 10 to 140 cycles, by model.
inline void cpu_pause() noexcept {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("isb" ::: "memory");
#endif
}

/// Asks for ownership of the line that holds `address`, so that a later store need not wait.
inline void prefetch_for_write(const void* address) noexcept {
#if defined(__x86_64__)
  // PREFETCHW even where the compiler's baseline lacks it: it is a no-op on processors without.
  asm volatile("prefetchw %0" : : "m"(*static_cast<const char*>(address)));
#else
  __builtin_prefetch(address, 1, 3);
#endif
}

/// Asks for a shared copy of the line that holds `address`.
inline void prefetch_for_read(const void* address) noexcept { __builtin_prefetch(address, 0, 3); }

}  // namespace smtni
