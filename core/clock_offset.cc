#include "core/clock_offset.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <limits>

#include "core/cpu.h"
#include "core/deadline.h"
#include "core/internal/pinned_pair.h"
#include "core/tsc_clock.h"

namespace smtni {
namespace {

using internal::OnePause;
using internal::PinnedPair;
using internal::spin_until;

/// One line, written in turns: A writes odd turns, B even ones.
///
///   turn     writer   meaning
///   2k + 1   A        round k is under way, and A has done with `reading`
///   2k + 2   B        answered: `reading` is B's counter in round k
///
/// Edges: [ask] A's use of a reading happens before B writes the next one; [answer] B's reading
/// happens before A's use of it.
struct alignas(kCacheLine) Line {
  std::atomic<std::uint64_t> turn{0};
  std::uint64_t reading = 0;
};

struct Bounds {
  // Smallest differences seen; the offset lies between -answer and request.
  std::int64_t request = std::numeric_limits<std::int64_t>::max();
  std::int64_t answer = std::numeric_limits<std::int64_t>::max();
  std::uint32_t rounds = 0;
};

std::int64_t difference(std::uint64_t later, std::uint64_t earlier) {
  return static_cast<std::int64_t>(later - earlier);
}

void ask(Line& line, std::uint32_t rounds, Deadline until, Bounds& bounds) {
  for (std::uint64_t round = 0; round < rounds && !has_passed(until); ++round) {
    const std::uint64_t sent = TscClock::begin().reading();
    // [ask] release: B may write the next reading.
    line.turn.store(2 * round + 1, std::memory_order_release);
    // [answer] acquire: the reading is there.
    const auto answered = [&] {
      return line.turn.load(std::memory_order_acquire) == 2 * round + 2;
    };
    if (!spin_until<OnePause>(answered, until)) return;
    const std::uint64_t received = TscClock::end().reading();
    bounds.request = std::min(bounds.request, difference(line.reading, sent));
    bounds.answer = std::min(bounds.answer, difference(received, line.reading));
    ++bounds.rounds;
  }
}

void answer(Line& line, std::uint32_t rounds, Deadline until) {
  for (std::uint64_t round = 0; round < rounds; ++round) {
    // [ask] acquire: A has done with the last reading.
    const auto asked = [&] { return line.turn.load(std::memory_order_acquire) == 2 * round + 1; };
    if (!spin_until<OnePause>(asked, until)) return;
    line.reading = TscClock::end().reading();
    // [answer] release: whoever sees the even turn sees the reading.
    line.turn.store(2 * round + 2, std::memory_order_release);
  }
}

}  // namespace

Result<ClockOffset> measure_clock_offset(int cpu_a, int cpu_b, const ClockOffsetOptions& options) {
  if (cpu_a == cpu_b) return ClockOffset{};
  auto pair = PinnedPair::open(cpu_a, cpu_b);
  if (!pair) return tl::unexpected(pair.error());
  const Deadline until = in(std::chrono::nanoseconds(options.patience.count()));
  Line line;
  Bounds bounds;
  pair->run([&] { ask(line, options.rounds, until, bounds); },
            [&] { answer(line, options.rounds, until); });
  if (bounds.rounds == 0) {
    return failure(Error::Kind::timed_out, "no round between CPUs " + std::to_string(cpu_a) +
                                               " and " + std::to_string(cpu_b) + " ended in time");
  }
  const std::int64_t width = std::max<std::int64_t>(bounds.request + bounds.answer, 0);
  return ClockOffset{.cycles = (bounds.request - bounds.answer) / 2,
                     .uncertainty = TscCycles(static_cast<std::uint64_t>(width + 1) / 2),
                     .rounds = bounds.rounds};
}

}  // namespace smtni
