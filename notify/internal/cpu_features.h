#pragma once

#include <cstdint>

#include "core/result.h"

namespace smtni::notify::internal {

/// Parts of the x86-64 instruction set that a mechanism rests on and many processors lack.
enum class Feature : std::uint8_t {
  waitpkg,  ///< UMONITOR, UMWAIT
  rtm,      ///< restricted transactional memory
  uintr,    ///< user interrupts: SENDUIPI, UIRET
};

/// `unsupported`, with the CPUID bit, where the processor does not have it.
Result<void> need(Feature feature);

}  // namespace smtni::notify::internal
