#pragma once

#include <cstdint>
#include <string_view>

namespace smtni::notify {

/// What the paper falls back on where a notification cannot take its usual way (section 3.2).
enum class Fallback : std::uint8_t {
  none,
  os_told,    ///< the waiting thread was not on a CPU: the operating system runs it at its next
              ///< scheduling
  masked,     ///< the handler was held back: pending until that ends
  evicted,    ///< no context idle: one gave way, by policy
  os_thread,  ///< no context: the operating system was asked for one
  deferred,   ///< no context at all for now: the message waits, and the NI does not
  spilled,    ///< the message cache was full: the message has been in memory, and came back
};

/// As results spell it.
[[nodiscard]] constexpr std::string_view name_of(Fallback fallback) noexcept {
  constexpr std::string_view kNames[] = {"none",      "os-told",  "masked", "evicted",
                                         "os-thread", "deferred", "spilled"};
  return kNames[static_cast<std::uint8_t>(fallback)];
}

/// How often a mechanism fell back. The last three of the list are its user's choice, counted
/// there.
struct FallbackCounts {
  std::uint64_t os_told = 0;
  std::uint64_t masked = 0;
  std::uint64_t evicted = 0;

  void add(const FallbackCounts& other) noexcept {
    os_told += other.os_told;
    masked += other.masked;
    evicted += other.evicted;
  }
};

}  // namespace smtni::notify
