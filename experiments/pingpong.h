#pragma once

#include <array>

#include "experiments/experiment.h"

namespace smtni::experiments {

/// What a message costs without any notification but the receiver's look: the ring by itself and
/// through the NI, beside the raw cache-line ping-pong. See pingpong.cc for what is timed.
Result<Findings> pingpong(const Request& request);

inline constexpr std::array kPingpongColumns = {
    Column{"p50 ns", "latency_ns.p50"},
    Column{"p90", "latency_ns.p90"},
    Column{"p99", "latency_ns.p99"},
    Column{"p99.9", "latency_ns.p999"},
    Column{"max", "latency_ns.max"},
    Column{"/floor", "latency_to_floor_ratio.value"},
    Column{"low", "latency_to_floor_ratio.low"},
    Column{"high", "latency_to_floor_ratio.high"},
};

inline constexpr Experiment kPingpong = {
    .name = "pingpong",
    .question = "How long does a message of 32 bytes take, there and back or one way?",
    .unit = "ns",
    .takes_mechanisms = false,
    .run = pingpong,
    .standard = {.repetitions = 15, .duration = Nanoseconds(40'000'000)},
    .quick = {.repetitions = 5, .duration = Nanoseconds(20'000'000)},
    .smoke = {.repetitions = 1, .duration = Nanoseconds(2'000'000)},
    .columns = kPingpongColumns,
    .sorted_by = "",
    .reading =
        "All but one-way rows are round trips; /floor is the ratio of the median to the raw\n"
        "two-line ping-pong of the same two CPUs, measured in the same run, with its 95 %\n"
        "confidence interval. A round trip below 1 is no magic: a pause between two looks keeps\n"
        "the receiver from taking a line away in the middle of a write, and a ping-pong settles\n"
        "into that rhythm. Messages that come at random moments do not: judge by one-way.",
    .own_options = {},
};

}  // namespace smtni::experiments
