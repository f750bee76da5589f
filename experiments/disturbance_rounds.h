#pragma once

#include "core/stores.h"
#include "core/units.h"
#include "experiments/contest.h"
#include "experiments/working_set.h"

namespace smtni::experiments {

/// What the NI puts into a message cache at a time, and how.
struct Arriving {
  Stores stores;
  Bytes payload;  ///< rounded up to whole messages of 4 KiB
};

/// Medians over the rounds of one repetition.
struct Disturbance {
  double silent_ns;   ///< a pass before which nothing arrived
  double extra_ns;    ///< what a pass after an arrival takes longer
  double control_ns;  ///< what the second of two silent passes takes longer than the first
};

/// Rounds of silence, arrival, silence until the bout's duration is over; one at least. See
/// disturbance_rounds.cc for what is timed.
Result<Disturbance> measure_disturbance(const Bout& bout, const Arriving& arriving,
                                        WorkingSet& set);

}  // namespace smtni::experiments
