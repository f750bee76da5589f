#pragma once

#include <cstdint>

#include "experiments/contest.h"
#include "ni/interface.h"

namespace smtni::experiments {

/// What moves bytes in a bout of the experiment `dma`.
struct DmaCourse {
  enum class How : std::uint8_t { dma, pio, message };

  std::uint64_t bytes;
  How how = How::dma;
  ni::Drive drive = ni::Drive::in_the_call;
  bool is_cold = false;
  bool has_small_pages = false;  ///< of the NI's TLB: 4 KiB in place of 2 MiB
};

/// Operations and memcpys in turn; dma.cc tells what is timed. `unsupported` for an NI thread where
/// the placement has no CPU for it.
Result<Score> race(const Bout& bout, const DmaCourse& course);

}  // namespace smtni::experiments
