#pragma once

#include <cstdint>
#include <optional>

#include "core/result.h"
#include "core/tsc_clock.h"
#include "core/units.h"

namespace smtni::ni {

/// A link to be imitated: what a packet has to wait for on its way.
struct LinkOptions {
  /// 0: unlimited; else 0.001 to 10,000. Counts a packet's payload and LinkWire::kHeader.
  double gigabits_per_second = 0;
  Nanoseconds latency{0};  ///< from the last bit sent to arrival; at most a second
  /// Up to this much later, evenly spread; at most a second. No packet is due before another that
  /// was sent ahead of it.
  Nanoseconds jitter{0};
  double loss =
      0;  ///< the part of the packets that vanishes, 0 to 1; answers, too. Nothing is sent again
  /// What may be in flight: sent, and not yet placed at the target. 4 KiB to 256 MiB, headers
  /// included. An eighth is reserved for small requests, the rest for bulk. Answers have as much
  /// again, at least what LinkWire states.
  Bytes credit = kMiB;
  /// The same in packets, shared out alike: 8 to 262,144.
  std::uint32_t packet_credit = 4096;
  std::uint64_t seed = 1;  ///< of jitter and loss
  /// Where there is one already; else with_link() calibrates one, which takes 20 ms.
  std::optional<TscClock> clock = std::nullopt;
};

/// The least credit in bytes.
inline constexpr Bytes kLeastLinkCredit = 4 * kKiB;
/// Of all credit, one part in this many is reserved for small packets.
inline constexpr std::uint64_t kSmallPart = 8;

/// `invalid`, naming what is accepted, for what lies outside of what LinkOptions states.
[[nodiscard]] Result<void> check_link(const LinkOptions& options);

}  // namespace smtni::ni
