#pragma once

#include <chrono>
#include <cstdint>
#include <ctime>

namespace smtni {

/// The moment at which a wait gives up. Every wait has one.
using Deadline = std::chrono::steady_clock::time_point;

/// REQUIRES: `patience` is not negative.
[[nodiscard]] inline Deadline in(std::chrono::nanoseconds patience) noexcept {
  return std::chrono::steady_clock::now() + patience;
}

[[nodiscard]] inline bool has_passed(Deadline until) noexcept {
  return std::chrono::steady_clock::now() >= until;
}

/// What is left until `until`, for a system call that takes a span; zero once it has passed.
[[nodiscard]] inline timespec time_left(Deadline until) noexcept {
  const auto left = std::chrono::duration_cast<std::chrono::nanoseconds>(
      until - std::chrono::steady_clock::now());
  if (left.count() <= 0) return {0, 0};
  return {static_cast<time_t>(left.count() / 1'000'000'000),
          static_cast<long>(left.count() % 1'000'000'000)};
}

/// The same moment for a system call that takes an absolute CLOCK_MONOTONIC time, which is what
/// steady_clock reads on Linux.
[[nodiscard]] inline timespec as_monotonic(Deadline until) noexcept {
  const auto since_boot =
      std::chrono::duration_cast<std::chrono::nanoseconds>(until.time_since_epoch()).count();
  if (since_boot <= 0) return {0, 0};
  return {static_cast<time_t>(since_boot / 1'000'000'000),
          static_cast<long>(since_boot % 1'000'000'000)};
}

/// Watches a deadline from inside a spin without reading the clock at every turn: a reading costs
/// about as much as the cache-line transfer that is waited for.
class SpinDeadline {
 public:
  explicit SpinDeadline(Deadline until) noexcept : until_(until) {}

  /// True once the deadline has passed; notices it at most kTurnsPerReading turns late.
  [[nodiscard]] bool passed() noexcept {
    if (++turn_ % kTurnsPerReading != 0) return false;
    return has_passed(until_);
  }

 private:
  static constexpr std::uint32_t kTurnsPerReading = 128;

  Deadline until_;
  std::uint32_t turn_ = 0;
};

}  // namespace smtni
