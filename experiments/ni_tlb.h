#pragma once

#include <array>

#include "experiments/experiment.h"

namespace smtni::experiments {

/// What the NI's own translations cost, hit, missed and refused. See ni_tlb.cc for what is timed.
Result<Findings> ni_tlb(const Request& request);

inline constexpr std::array kNiTlbColumns = {
    Column{"entries", "entries_count"}, Column{"ways", "ways_count"},
    Column{"pages", "pages_count"},     Column{"hits", "hit_ratio.value"},
    Column{"ns each", "time_ns.value"}, Column{"low", "time_ns.low"},
    Column{"high", "time_ns.high"},
};

inline constexpr std::array kNiTlbOptions = {
    OwnOption{"entries", "entries of the TLB; a power of two", 64, 8, 4096},
    OwnOption{"ways", "entries that one page may be found in; a power of two", 4, 1, 8},
};

inline constexpr Experiment kNiTlb = {
    .name = "ni-tlb",
    .question = "What does the NI's translation of an address cost, hit, missed and refused?",
    .unit = "ns",
    .takes_mechanisms = false,
    .run = ni_tlb,
    .standard = {.repetitions = 15, .duration = Nanoseconds(10'000'000)},
    .quick = {.repetitions = 5, .duration = Nanoseconds(5'000'000)},
    .smoke = {.repetitions = 1, .duration = Nanoseconds(500'000)},
    .columns = kNiTlbColumns,
    .sorted_by = "",
    .reading =
        "Each look-up waits for the address that the one before it gave, but for 'overlapping'\n"
        "ones, of which the processor does several at once. 'hits' is the part that was found.\n"
        "Goal: at most 5 ns a hit. Pages that outnumber the entries miss each time in turn, for\n"
        "the one that was used least recently goes; at random some are found. 'put' rows are\n"
        "whole puts of 8 bytes by an NI in the call: what a miss costs there. Numbers that are\n"
        "no power of two, or more ways than entries, are refused in each row.",
    .own_options = kNiTlbOptions,
};

}  // namespace smtni::experiments
