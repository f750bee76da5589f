#include "ni/link_schedule.h"

#include <algorithm>
#include <cmath>

namespace smtni::ni {
namespace {

constexpr int kPartBits = 32;  // of a cycle
constexpr std::uint64_t kOneCycle = std::uint64_t{1} << kPartBits;

// The time of a byte, in parts of a cycle.
std::uint64_t byte_parts(double gigabits_per_second, double megahertz) noexcept {
  if (gigabits_per_second == 0) return 0;
  const double cycles = 8.0 / gigabits_per_second * megahertz / 1000.0;
  return static_cast<std::uint64_t>(std::llround(cycles * static_cast<double>(kOneCycle)));
}

std::uint64_t cycles_in(Nanoseconds span, double megahertz) noexcept {
  return static_cast<std::uint64_t>(
      std::llround(static_cast<double>(span.count()) * megahertz / 1000.0));
}

}  // namespace

LinkSchedule::LinkSchedule(const LinkOptions& options, double megahertz) noexcept
    : cycles_per_byte_(byte_parts(options.gigabits_per_second, megahertz) / kOneCycle),
      parts_per_byte_(byte_parts(options.gigabits_per_second, megahertz) % kOneCycle),
      latency_cycles_(cycles_in(options.latency, megahertz)),
      jitter_cycles_(cycles_in(options.jitter, megahertz)),
      loss_in_2_53_(static_cast<std::uint64_t>(std::ldexp(options.loss, 53))),
      random_(options.seed) {}

LinkSchedule::Journey LinkSchedule::next(std::uint64_t bytes, TscInstant now) noexcept {
  if (free_at_ < now) {  // it has been idle
    free_at_ = now;
    free_parts_ = 0;
  }
  Journey journey{.departure = free_at_, .sending = {}, .due = {}, .is_lost = false};
  // No overflow: below 2^28 bytes of less than 2^32 parts each.
  const std::uint64_t parts = free_parts_ + bytes * parts_per_byte_;
  journey.sending = TscCycles(bytes * cycles_per_byte_ + parts / kOneCycle);
  free_parts_ = parts % kOneCycle;
  free_at_ = free_at_ + journey.sending;

  // 31 random bits times a jitter of up to a second fit a word.
  const TscCycles late(((draw() >> 33U) * (jitter_cycles_ + 1)) >> 31U);
  last_due_ = std::max(free_at_ + TscCycles(latency_cycles_) + late, last_due_);
  journey.due = last_due_;
  journey.is_lost = (draw() >> 11U) < loss_in_2_53_;
  return journey;
}

// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA
// 2014).
std::uint64_t LinkSchedule::draw() noexcept {
  std::uint64_t word = random_ += 0x9E37'79B9'7F4A'7C15U;
  word = (word ^ (word >> 30U)) * 0xBF58'476D'1CE4'E5B9U;
  word = (word ^ (word >> 27U)) * 0x94D0'49BB'1331'11EBU;
  return word ^ (word >> 31U);
}

}  // namespace smtni::ni
