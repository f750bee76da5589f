#pragma once

#include <cstdint>
#include <memory>

#include "core/result.h"
#include "core/units.h"

namespace smtni {

/// One measurement of the floor. The percentiles are over the medians of the single pairs of lines:
/// what a latency is compared with is `p50`.
struct Floor {
  TscCycles min;
  TscCycles p10;
  TscCycles p50;
  TscCycles p90;
  TscCycles max;
  std::uint32_t pairs = 0;
};

struct FloorOptions {
  enum class Lines : std::uint8_t {
    two,  ///< each side writes a line of its own and polls the other's, without a pause
    one,  ///< both write and poll the same line, with one PAUSE between two looks
  };

  Lines lines = Lines::two;
  /// Random pairs of lines (single lines for Lines::one). The round trip depends on the physical
  /// addresses, by a quarter between one pair and another: a ratio needs 40 pairs or more.
  std::uint32_t pairs = 40;
  /// Timed round trips of each pair, after a few that warm it up.
  std::uint32_t round_trips = 200;
  Nanoseconds patience{2'000'000'000};
};

/// The raw cache-line ping-pong between two CPUs: the physical limit that every latency is compared
/// with. Exactly this is timed, for each round trip k:
///
///   CPU a                                     CPU b
///   ping = k                                  look at ping until it is k
///   look at pong until it is k                pong = k
///   t[k] = RDTSC; the sample is t[k] - t[k-1]
///
/// with one 8-byte word a line, plain loads and stores, no fence, and one unfenced RDTSC a round
/// trip, whose cost is part of the sample. A look that finds nothing is followed by the next one at
/// once (Lines::two) or by one PAUSE (Lines::one, where ping and pong are one word). Only a wait of
/// 20,000 looks, thousands of times a line's journey, begins to give the CPU away.
///
/// The two threads sleep between measurements, so that one object can be measured many times in one
/// run, interleaved with what is compared.
class RawPingPong {
 public:
  /// `unsupported` when both CPUs are one: then no cache line moves. Fails when a thread cannot be
  /// pinned. `seed` decides which lines are drawn; each measurement draws others.
  static Result<RawPingPong> open(int cpu_a, int cpu_b, std::uint64_t seed = 1);

  RawPingPong(RawPingPong&&) noexcept;
  RawPingPong& operator=(RawPingPong&&) noexcept;
  ~RawPingPong();

  /// `invalid` for zero pairs or round trips, or more than 100,000 of either; `timed_out` when
  /// the patience ends first, after which the object can be measured again. THREADS: one caller at
  /// a time; it sleeps meanwhile, and its affinity is not touched.
  Result<Floor> measure(const FloorOptions& options = {});

 private:
  struct State;

  explicit RawPingPong(std::unique_ptr<State> state) noexcept;

  std::unique_ptr<State> state_;
};

}  // namespace smtni
