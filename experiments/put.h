#pragma once

#include <array>

#include "experiments/experiment.h"

namespace smtni::experiments {

/// What a one-sided operation on another's memory costs, beside the raw cache-line ping-pong. See
/// put.cc for what is timed.
Result<Findings> put(const Request& request);

inline constexpr std::array kPutColumns = {
    Column{"p50 ns", "latency_ns.p50"},
    Column{"p90", "latency_ns.p90"},
    Column{"p99", "latency_ns.p99"},
    Column{"p99.9", "latency_ns.p999"},
    Column{"max", "latency_ns.max"},
    Column{"/floor", "latency_to_floor_ratio.value"},
    Column{"low", "latency_to_floor_ratio.low"},
    Column{"high", "latency_to_floor_ratio.high"},
};

inline constexpr Experiment kPut = {
    .name = "put",
    .question = "How long until 8 bytes lie in another's memory, or come from there?",
    .unit = "ns",
    .takes_mechanisms = false,
    .run = put,
    .standard = {.repetitions = 15, .duration = Nanoseconds(40'000'000)},
    .quick = {.repetitions = 5, .duration = Nanoseconds(20'000'000)},
    .smoke = {.repetitions = 1, .duration = Nanoseconds(2'000'000)},
    .columns = kPutColumns,
    .sorted_by = "",
    .reading =
        "Puts are one way, from before the call until the receiver, which polls the signal in its\n"
        "own memory, has read the data; they come at random moments. /floor is the ratio of the\n"
        "median to the raw two-line round trip of the same two CPUs in the same run, with its\n"
        "95 % confidence interval. Goals: at most 0.85, and at most 0.65 where data and signal\n"
        "share a line. Gets and fetch_adds last until the value is there; the other CPU has just\n"
        "written the word. With the NI thread an application thread puts to itself: two journeys\n"
        "through the NI's CPU.",
    .own_options = {},
};

}  // namespace smtni::experiments
