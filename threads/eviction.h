#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <variant>

#include "core/units.h"

namespace smtni::threads {

/// A running context that could be evicted.
struct Candidate {
  std::size_t hardware_context = 0;
  TscInstant started;
  int priority = 0;
};

/// Which candidate gives way to a start of priority `newcomer`; none: the start is declined. The
/// paper leaves this to the operating system's policy, so it is a parameter: a policy is one such
/// type.

struct NoEviction {
  static constexpr std::optional<std::size_t> choose(std::span<const Candidate> /*candidates*/,
                                                     int /*newcomer*/) noexcept {
    return std::nullopt;
  }
};

/// The one that has run for longest, whatever its priority.
struct Oldest {
  static constexpr std::optional<std::size_t> choose(std::span<const Candidate> candidates,
                                                     int /*newcomer*/) noexcept {
    const Candidate* oldest = nullptr;
    for (const Candidate& candidate : candidates) {
      if (oldest == nullptr || candidate.started < oldest->started) oldest = &candidate;
    }
    if (oldest == nullptr) return std::nullopt;
    return oldest->hardware_context;
  }
};

/// The one of the lowest priority, of these the oldest; never one above the newcomer's.
struct LowestPriority {
  static constexpr std::optional<std::size_t> choose(std::span<const Candidate> candidates,
                                                     int newcomer) noexcept {
    const Candidate* lowest = nullptr;
    for (const Candidate& candidate : candidates) {
      if (candidate.priority > newcomer) continue;
      if (lowest == nullptr || candidate.priority < lowest->priority ||
          (candidate.priority == lowest->priority && candidate.started < lowest->started)) {
        lowest = &candidate;
      }
    }
    if (lowest == nullptr) return std::nullopt;
    return lowest->hardware_context;
  }
};

using EvictionPolicy = std::variant<NoEviction, Oldest, LowestPriority>;

}  // namespace smtni::threads
