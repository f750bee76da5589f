#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "core/placement.h"
#include "core/result.h"
#include "experiments/trace.h"
#include "experiments/trace_stamps.h"
#include "ni/interface.h"
#include "notify/mechanism.h"

namespace smtni::experiments {

/// What is traced, and where.
struct TraceConditions {
  std::string mechanism = {};
  RoleCpus cpus = {};
  /// A dedicated NI where it has a CPU of its own; else the sender's call does its work.
  ni::Drive drive = ni::Drive::in_the_call;
  std::uint64_t payload_bytes = 32;
  std::uint64_t messages = 200;
  std::uint64_t warm_up = 50;  ///< sent before, and not shown
  std::stop_token stop = {};
};

/// The drive that a placement has room for.
[[nodiscard]] ni::Drive drive_for(const RoleCpus& cpus) noexcept;

/// Sends one message after the other, each when the one before has been handled and its receiver
/// has long gone back to waiting or computing. `unsupported` when this machine cannot do it.
///
/// What is timed: RDTSCP where trace_stamps.h says. Excluded: the warm-up, the gaps.
/// THREADS: any; runs on threads of its own.
[[nodiscard]] Result<std::vector<Journey>> collect_journeys(const TraceConditions& conditions);

}  // namespace smtni::experiments
