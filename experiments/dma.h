#pragma once

#include <array>

#include "experiments/experiment.h"

namespace smtni::experiments {

/// What it costs to move bytes into another's memory, beside memcpy of the same size. See dma.cc
/// for what is timed.
Result<Findings> dma(const Request& request);

inline constexpr std::array kDmaColumns = {
    Column{"bytes", "payload_bytes"},
    Column{"ns each", "median_time_ns.value"},
    Column{"memcpy ns", "memcpy_time_ns.value"},
    Column{"GB/s", "bandwidth_gb_per_s"},
    Column{"x memcpy", "speed_to_memcpy_ratio.value"},
    Column{"low", "speed_to_memcpy_ratio.low"},
    Column{"high", "speed_to_memcpy_ratio.high"},
};

inline constexpr std::array kDmaOptions = {
    OwnOption{"kib", "size of the rows 'chosen size', in KiB", 256, 1, 4096},
};

inline constexpr Experiment kDma = {
    .name = "dma",
    .question = "How fast do bytes move into another's memory, beside memcpy?",
    .unit = "GB/s",
    .takes_mechanisms = false,
    .run = dma,
    .standard = {.repetitions = 15, .duration = Nanoseconds(8'000'000)},
    .quick = {.repetitions = 5, .duration = Nanoseconds(4'000'000)},
    .smoke = {.repetitions = 1, .duration = Nanoseconds(300'000)},
    .columns = kDmaColumns,
    .sorted_by = "",
    .reading =
        "'x memcpy' is the speed divided by that of a memcpy of the same bytes between the same\n"
        "buffers, in turn with it, with its 95 % confidence interval; goal for DMA of 64 KiB:\n"
        "at least 0.9. 'cold': each copy takes the next of many pairs of buffers, together\n"
        "twice as large as the last-level cache but 256 MiB at most. An entry of the NI's TLB\n"
        "is for a page of 2 MiB, or of 4 KiB where the row says small TLB pages. 'PIO' puts\n"
        "bytes that lie in no region, 'DMA' those of one; with the NI thread PIO copies them\n"
        "into the send buffer first, and the NI out of it: where the two rows cross is the\n"
        "break-even. 'message' is a send and a receive by one thread.",
    .own_options = kDmaOptions,
};

}  // namespace smtni::experiments
