#include "core/tsc_clock.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <thread>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace smtni {
namespace {

bool counter_is_invariant() noexcept {
#if defined(__x86_64__)
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
  constexpr unsigned kInvariantTsc = 1U << 8;
  return __get_cpuid(0x80000007U, &eax, &ebx, &ecx, &edx) != 0 && (edx & kInvariantTsc) != 0;
#else
  return true;  // the architecture's generic timer always is
#endif
}

struct Sample {
  TscInstant counter;
  std::chrono::steady_clock::time_point time;
  TscCycles uncertainty;
};

// Of several tries, the one in which the two clocks were read closest together.
Sample read_both_clocks() noexcept {
  Sample best{{}, {}, TscCycles(~std::uint64_t{0})};
  for (int attempt = 0; attempt < 32; ++attempt) {
    const TscInstant before = TscClock::end();
    const auto time = std::chrono::steady_clock::now();
    const TscInstant after = TscClock::end();
    if (after - before < best.uncertainty) {
      best = {before + (after - before) / 2, time, after - before};
    }
  }
  return best;
}

}  // namespace

Result<TscClock> TscClock::calibrate() {
  if (!counter_is_invariant()) {
    return failure(Error::Kind::unsupported,
                   "the time-stamp counter is not invariant (CPUID.80000007H:EDX[8] is 0)");
  }
  // Three spans and their median: one may hold a migration or a stolen time slice.
  std::array<double, 3> nanoseconds_per_cycle{};
  for (double& rate : nanoseconds_per_cycle) {
    const Sample start = read_both_clocks();
    std::this_thread::sleep_for(std::chrono::milliseconds(7));
    const Sample stop = read_both_clocks();
    const auto span = std::chrono::duration<double, std::nano>(stop.time - start.time);
    rate = span.count() / static_cast<double>((stop.counter - start.counter).count());
  }
  std::sort(nanoseconds_per_cycle.begin(), nanoseconds_per_cycle.end());
  return TscClock(nanoseconds_per_cycle[1]);
}

}  // namespace smtni
