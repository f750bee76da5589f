#pragma once

#include <cstdint>

#include "core/units.h"
#include "ni/link_options.h"

namespace smtni::ni {

/// When packets depart from a serial link and when they are due at its far end; which are lost.
///
/// THREADS: one at a time.
class LinkSchedule {
 public:
  struct Journey {
    TscInstant departure;  ///< when the link has sent what came before
    TscCycles sending;     ///< for which the link is occupied
    TscInstant due;        ///< never before that of an earlier packet
    bool is_lost;
  };

  /// REQUIRES: check_link(options).
  LinkSchedule(const LinkOptions& options, double megahertz) noexcept;

  /// Of a packet that is handed to the link `now`.
  /// REQUIRES: `now` is not before the packet ahead; `bytes` are at most 256 MiB.
  Journey next(std::uint64_t bytes, TscInstant now) noexcept;

 private:
  std::uint64_t draw() noexcept;

  // The cycles that a byte takes: whole ones, and 2^-32 parts of one. Packets sent one behind the
  // other then lose no time to rounding, at any rate.
  std::uint64_t cycles_per_byte_;
  std::uint64_t parts_per_byte_;
  std::uint64_t latency_cycles_;
  std::uint64_t jitter_cycles_;
  std::uint64_t loss_in_2_53_;

  TscInstant free_at_;            // when the link has sent all that it has taken,
  std::uint64_t free_parts_ = 0;  // and this many parts of a cycle later
  TscInstant last_due_;
  std::uint64_t random_;
};

}  // namespace smtni::ni
