#pragma once

#include <array>

#include "experiments/experiment.h"

namespace smtni::experiments {

/// What dispatch to a handler adds to the delivery of a message. See active_message.cc for what is
/// timed.
Result<Findings> active_message(const Request& request);

inline constexpr std::array kActiveMessageColumns = {
    Column{"plain ns", "plain_latency_ns.p50"},
    Column{"dispatched ns", "latency_ns.p50"},
    Column{"p90", "latency_ns.p90"},
    Column{"p99", "latency_ns.p99"},
    Column{"later ns", "later_ns.value"},
    Column{"low", "later_ns.low"},
    Column{"high", "later_ns.high"},
};

inline constexpr Experiment kActiveMessage = {
    .name = "active-message",
    .question = "How much later does a handler begin than a plain receiver has its message?",
    .unit = "ns",
    .takes_mechanisms = false,
    .run = active_message,
    .standard = {.repetitions = 15, .duration = Nanoseconds(40'000'000)},
    .quick = {.repetitions = 5, .duration = Nanoseconds(20'000'000)},
    .smoke = {.repetitions = 1, .duration = Nanoseconds(2'000'000)},
    .columns = kActiveMessageColumns,
    .sorted_by = "",
    .reading =
        "Messages of 32 bytes, one way at random moments. The receiver waits in serve(), which\n"
        "runs the handler, or in receive(), as a coin decides for each message: one run, and the\n"
        "same wait. 'later' is the difference of the middles of each repetition, with its 95 %\n"
        "confidence interval; a middle is the mean of the samples from the first quartile to the\n"
        "third, for a median moves in the counter's steps. Goal: at most 40 ns.",
    .own_options = {},
};

}  // namespace smtni::experiments
