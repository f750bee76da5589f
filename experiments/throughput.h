#pragma once

#include <array>

#include "experiments/experiment.h"

namespace smtni::experiments {

/// How many messages and bytes go one way in a second. See throughput.cc for what is timed.
Result<Findings> throughput(const Request& request);

inline constexpr std::array kThroughputColumns = {
    Column{"bytes", "payload_bytes"},
    Column{"million/s", "messages_million_per_s.value"},
    Column{"low", "messages_million_per_s.low"},
    Column{"high", "messages_million_per_s.high"},
    Column{"GB/s", "bandwidth_gb_per_s"},
    Column{"ns each", "time_per_message_ns"},
};

inline constexpr Experiment kThroughput = {
    .name = "throughput",
    .question = "How many messages, and how many bytes, go one way in a second?",
    .unit = "million/s",
    .takes_mechanisms = false,
    .run = throughput,
    .standard = {.repetitions = 15, .duration = Nanoseconds(40'000'000)},
    .quick = {.repetitions = 5, .duration = Nanoseconds(20'000'000)},
    .smoke = {.repetitions = 1, .duration = Nanoseconds(2'000'000)},
    .columns = kThroughputColumns,
    .sorted_by = "",
    .reading =
        "Medians over repetitions, with their 95 % confidence interval; GB are 10^9 payload\n"
        "bytes. 'no write-ahead' is the same ring without asking for lines before it needs them:\n"
        "then each message waits for the transfer of its own line.",
    .own_options = {},
};

}  // namespace smtni::experiments
