#include "notify/internal/umwait.h"

#include <sched.h>

#include "core/expect.h"
#include "core/tsc_clock.h"
#include "notify/internal/cpu_features.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace smtni::notify::internal {

Result<void> umwait_support() { return need(Feature::waitpkg); }

#if defined(__x86_64__)

namespace {

constexpr TscCycles kLongestHalt{100'000};
// The lighter of the two halted states: it leaves in about 0.1 us, and the deeper one in 0.5 us.
constexpr unsigned kLightHalt = 1;

[[gnu::target("waitpkg")]] void halt_while(const std::atomic<std::uint32_t>& word,
                                           std::uint32_t value) noexcept {
  _umonitor(const_cast<std::atomic<std::uint32_t>*>(&word));
  // Look again once the line is watched: a write before that would not end the halt. UMWAIT returns
  // at once if the write came after UMONITOR, so nothing falls between the two.
  if (__atomic_load_n(reinterpret_cast<const std::uint32_t*>(&word), __ATOMIC_ACQUIRE) != value) {
    return;
  }
  _umwait(kLightHalt, (TscClock::now() + kLongestHalt).reading());
}

}  // namespace

bool umwait_while(const std::atomic<std::uint32_t>& word, std::uint32_t value,
                  Deadline until) noexcept {
  while (word.load(std::memory_order_acquire) == value) {
    if (has_passed(until)) return false;
    halt_while(word, value);
    if (word.load(std::memory_order_acquire) != value) return true;
    sched_yield();
  }
  return true;
}

#else

bool umwait_while(const std::atomic<std::uint32_t>&, std::uint32_t, Deadline) noexcept {
  SMTNI_EXPECT(false && "umwait_support()");
  return false;
}

#endif

}  // namespace smtni::notify::internal
