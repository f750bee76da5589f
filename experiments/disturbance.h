#pragma once

#include <array>

#include "experiments/experiment.h"

namespace smtni::experiments {

/// What arriving messages do to the working set of a receiver that does not read them yet, by how
/// the NI stores them. See disturbance_rounds.cc for what is timed.
Result<Findings> disturbance(const Request& request);

inline constexpr std::array kDisturbanceColumns = {
    Column{"set bytes", "set_bytes"},
    Column{"pass ns", "silent_pass_ns.value"},
    Column{"extra ns", "extra_ns.value"},
    Column{"low", "extra_ns.low"},
    Column{"high", "extra_ns.high"},
    Column{"silent ns", "control_ns.value"},
    Column{"lines", "refilled_lines_count.value"},
};

inline constexpr std::array kDisturbanceOptions = {
    OwnOption{"payload", "payload that arrives at a time, in KiB, in messages of 4 KiB", 256, 4,
              16'384},
};

inline constexpr Experiment kDisturbance = {
    .name = "disturbance",
    .question = "What do arriving messages displace from a receiver's caches?",
    .unit = "ns",
    .takes_mechanisms = false,
    .run = disturbance,
    .standard = {.repetitions = 15, .duration = Nanoseconds(15'000'000)},
    .quick = {.repetitions = 5, .duration = Nanoseconds(10'000'000)},
    .smoke = {.repetitions = 1, .duration = Nanoseconds(100'000)},
    .columns = kDisturbanceColumns,
    .sorted_by = "",
    .reading =
        "A pass loads each line of the receiver's working set once, in random order. 'extra' is\n"
        "what it takes longer after payload has arrived that nobody read, 'silent' after none:\n"
        "the noise. 'lines' is extra, divided by what a line costs more from the next level.\n"
        "With same-cpu the NI's stores go through the receiver's caches, as on an SMT sibling:\n"
        "there streaming stores spare the set. Not so a set that fills the first level to its\n"
        "last line: the heads of the messages, which take ordinary stores, and what the NI itself\n"
        "reads displace it by themselves. From another CPU no arrival touches the receiver's\n"
        "caches, so streaming has nothing to spare there.",
    .own_options = kDisturbanceOptions,
};

}  // namespace smtni::experiments
