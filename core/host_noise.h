#pragma once

#include <cstdint>
#include <string>

#include "core/result.h"
#include "core/units.h"

namespace smtni {

/// What others took from a measurement: a running total, of which two readings subtract.
struct HostNoise {
  /// Time that the hypervisor gave to others while a CPU of this machine had work; all CPUs
  /// together, in ticks of 10 ms on most kernels. Always zero outside a virtual machine.
  Nanoseconds steal;
  std::uint64_t voluntary_switches = 0;    ///< the calling thread waited
  std::uint64_t involuntary_switches = 0;  ///< the calling thread was preempted

  /// Reads proc/stat under `root`. `invalid` when it is malformed, `unsupported` when absent.
  /// THREADS: any; the switches are the caller's, so subtract readings of one thread only.
  static Result<HostNoise> read(const std::string& root = "/");

  /// REQUIRES: `earlier` was read before `later`, by the same thread.
  friend HostNoise operator-(const HostNoise& later, const HostNoise& earlier) noexcept;
  friend bool operator==(const HostNoise&, const HostNoise&) = default;
};

}  // namespace smtni
