#pragma once

#include <atomic>
#include <cstdint>

#include "core/deadline.h"
#include "core/result.h"

namespace smtni::notify::internal {

/// Whether this processor has UMONITOR and UMWAIT; `unsupported` with the reason otherwise.
Result<void> umwait_support();

/// Halts the hardware thread until `word` is not `value`, which is read with acquire; false if the
/// deadline passed first. An SMT sibling has the core to itself meanwhile.
///
/// One UMWAIT lasts 100,000 cycles of the time-stamp counter at most: Linux caps it there by
/// default
/// (/sys/devices/system/cpu/umwait_control/max_time), so it is repeated until the deadline. A write
/// to the line ends it at any time; the repetition only serves the deadline, and a thread that
/// shares the processor, to which each round yields. REQUIRES: umwait_support().
bool umwait_while(const std::atomic<std::uint32_t>& word, std::uint32_t value,
                  Deadline until) noexcept;

}  // namespace smtni::notify::internal
