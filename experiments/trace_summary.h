#pragma once

#include <span>
#include <string>

#include "core/tsc_clock.h"
#include "experiments/trace.h"
#include "experiments/trace_stamps.h"
#include "ni/interface.h"

namespace smtni::experiments {

/// What decides who is at work in which stage.
struct TraceSubject {
  std::string mechanism;  ///< of notify/mechanisms.h
  std::string placement;
  ni::Drive drive = ni::Drive::in_the_call;
};

/// Stages of all journeys, and those of the one whose total is the median.
///
/// Stamps of two CPUs are compared as they are; a stage that ends before it begins, by their
/// clocks' offset, counts as 0.
/// REQUIRES: there is one journey at least.
[[nodiscard]] Timeline summarise(std::span<const Journey> journeys, const TraceSubject& subject,
                                 double ns_per_cycle);

}  // namespace smtni::experiments
