#pragma once

#include <array>

#include "experiments/experiment.h"

namespace smtni::experiments {

/// The main job: what a notification costs, by mechanism and placement. See compare.cc for what is
/// timed and where the clock is read.
Result<Findings> compare(const Request& request);

inline constexpr std::array kCompareColumns = {
    Column{"p50 ns", "latency_ns.p50"},
    Column{"p90", "latency_ns.p90"},
    Column{"p99", "latency_ns.p99"},
    Column{"p99.9", "latency_ns.p999"},
    Column{"max", "latency_ns.max"},
    Column{"/floor", "latency_to_floor_ratio.value"},
    Column{"signal/", "signal_to_latency_ratio.value"},
    Column{"notifier ns", "notifier_ns.p50"},
    Column{"receiver's loss ns", "receiver_loss_ns"},
    Column{"idle CPU %", "idle_cpu_percent"},
    Column{"system calls", "system_calls_per_notification"},
    Column{"switches", "context_switches_per_notification"},
};

inline constexpr std::string_view kCompareReading =
    "What is timed: the notifier reads the TSC and sends a message that carries that time,\n"
    "through an NI that works in its call: placing, then notifying. The handler's first\n"
    "instruction, or the first one after a wait, reads the TSC again. One message at a time,\n"
    "after a random gap of 30 to 70 us, so that whatever can sleep sleeps.\n"
    "\n"
    "How to read the table, sorted by median latency, all times in ns:\n"
    "  p50 ns ... max    one-way latency over all messages of all repetitions\n"
    "  /floor            median latency as a multiple of the raw round trip of a cache line "
    "between\n"
    "                    the same two CPUs, measured in the same run: the physical limit\n"
    "  signal/           how many times slower signal/running was, at the same placement\n"
    "  notifier ns       what the act of placing and notifying costs the notifier, median\n"
    "  receiver's loss   work that a computing receiver did not get done, per notification, with "
    "its\n"
    "                    95 % confidence interval\n"
    "  idle CPU %        processor time burnt while nothing comes; 100 is one CPU\n"
    "  system calls, switches   per notification, both sides together\n"
    "  -                 does not apply or could not be counted; the JSON file tells why\n"
    "\n"
    "On same-cpu both sides take turns, so each latency holds a context switch.\n"
    "\n"
    "Examples:\n"
    "  smtni compare --quick --json results/compare.json\n"
    "  smtni compare -m lock-table,kernel/futex -p same-cpu --repetitions 30 --seed 7";

inline constexpr Experiment kCompare = {
    .name = "compare",
    .question = "What does a notification cost here, by mechanism and placement?",
    .unit = "ns",
    .takes_mechanisms = true,
    .run = compare,
    .standard = {.repetitions = 15, .duration = Nanoseconds(60'000'000)},
    .quick = {.repetitions = 5, .duration = Nanoseconds(30'000'000)},
    .smoke = {.repetitions = 1, .duration = Nanoseconds(300'000)},
    .columns = kCompareColumns,
    .sorted_by = "latency_ns.p50",
    .reading = kCompareReading,
    .own_options = {},
};

}  // namespace smtni::experiments
