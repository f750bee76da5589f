#pragma once

#include <array>

#include "experiments/experiment.h"

namespace smtni::experiments {

/// What the link model asks for, beside what comes through it. See link.cc for what is timed.
Result<Findings> link(const Request& request);

inline constexpr std::array kLinkColumns = {
    Column{"asked Gb/s", "requested_gigabits_per_s"},
    Column{"got", "achieved_gigabits_per_s.value"},
    Column{"ratio", "achieved_to_requested_ratio.value"},
    Column{"asked ns", "requested_latency_ns"},
    Column{"p50 ns", "latency_ns.p50"},
    Column{"p99", "latency_ns.p99"},
    Column{"beyond", "latency_beyond_request_ns"},
    Column{"/floor", "beyond_request_to_floor_ratio.value"},
};

inline constexpr Experiment kLink = {
    .name = "link",
    .question = "Does the link model keep the rate and the latency that it was asked for?",
    .unit = "Gb/s",
    .takes_mechanisms = false,
    .run = link,
    .standard = {.repetitions = 15, .duration = Nanoseconds(40'000'000)},
    .quick = {.repetitions = 5, .duration = Nanoseconds(20'000'000)},
    .smoke = {.repetitions = 1, .duration = Nanoseconds(2'000'000)},
    .columns = kLinkColumns,
    .sorted_by = "",
    .reading =
        "Rates count payload and 64 bytes of header. One thread sends to itself through the NI\n"
        "thread. A ratio below 1 says that this software, not the link, was the limit: see the\n"
        "unlimited row of the same size for what it can do. The latency asked for is 1000 ns and\n"
        "the message's own time on the link; what a lone message takes beyond that is the way to\n"
        "the NI and back, also given as a multiple of the raw two-line ping-pong.",
    .own_options = {},
};

}  // namespace smtni::experiments
