#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "core/units.h"

namespace smtni::notify {

/// How long a wait should spin before it parks, from the gaps of earlier waits. The policy alone:
/// no clock, no thread, the same answers for the same trace.
///
/// A wait for news that comes after a gap g, with a spin limit L, where a park costs C:
///
///   kind of wait       | costs
///   always spin        | g
///   always park        | C
///   this one           | g if g <= L, else L + C; a limit of zero parks at once, for C
///
/// Promise: over any trace, its own cost is at most twice that of always spinning, and at most
/// twice that of always parking, plus kStart parks; over any stretch of a trace the same, plus
/// kMost.
///
/// Proof. Let a = 2 x (cost of always spinning) - own cost, b = 2 x (cost of always parking) - own
/// cost. In one wait, by cases g <= L and g > L:
///
///   a changes by  g >= 0      or  2g - L - C >= L - C: it loses at most C - L
///   b changes by  2C - g      or  C - L:               it loses at most L - C
///
/// So L = C never loses either: that is the rule of Karlin, Manasse, McGeoch and Owicki
/// ("Competitive randomized algorithms for nonuniform problems", SODA 1990), tried on real waits by
/// Karlin, Li, Manasse and Owicki ("Empirical studies of competitive spinning for a shared-memory
/// multiprocessor", SOSP 1991). And any L in [C - a, C + b] leaves a and b at or above zero, while
/// an adversary drives one below with any other. Both start at kStart parks, which gives the
/// promise; savings beyond kMost parks are forgotten, so that a stretch begins with no more than
/// those. The proof goes wait by wait, so C may change between waits: each counts at its own, and
/// kMost at the dearest.
///
/// Within that window the policy takes the limit that would have cost least of late: none, C, or
/// kLongest parks, by exponentially smoothed costs (Karlin et al. 1991 call such rules adaptive;
/// Krishnan, Long and Vitter, "Adaptive disk spindown via optimal rent-to-buy in probabilistic
/// environments", Algorithmica 23, 1999, learn the limit itself from samples). Where gaps keep
/// their distribution, the better fixed choice earns its own window: a choice that costs less than
/// the other one on average adds more to the allowance that it needs than it takes.
///
/// What counts as a park's cost is the caller's choice and measurement. It is learned from parks,
/// so while none happens it stays as it was.
///
/// THREADS: one.
class SpinPolicy {
 public:
  /// The allowance at the start, in parks. Until a park is measured the policy parks at once as
  /// far as this goes, for a start value too high would never be found out where spins succeed.
  static constexpr std::uint64_t kStart = 2;
  /// The largest allowance, in parks; what kLongest needs.
  static constexpr std::uint64_t kMost = 16;
  /// The longest spin, in parks. A wait that reaches it costs 1/16 more than spinning on.
  static constexpr std::uint64_t kLongest = 16;
  /// Costs of a park are held within these.
  static constexpr TscCycles kCheapestPark{16};
  static constexpr TscCycles kDearestPark{std::uint64_t{1} << 40};

  struct Outcome {
    /// From the beginning of the wait to the news. It says by itself whether the wait parked: where
    /// the limit was zero, or this is above it. Where it is not known, what it is at least.
    TscCycles gap;
    /// What the park has cost, if there was one and it was measured.
    std::optional<TscCycles> park_cost;
  };

  /// `park_cost`: what a park is taken to cost until one is measured.
  explicit SpinPolicy(TscCycles park_cost) noexcept;

  /// How long the next wait spins before it parks; zero: it parks at once.
  [[nodiscard]] TscCycles limit() const noexcept { return TscCycles(limit_); }
  /// What a park is taken to cost.
  [[nodiscard]] TscCycles park_cost() const noexcept { return TscCycles(park_cost_); }

  /// Learns from a wait. REQUIRES: it was carried out with the limit() of before this call.
  /// COST: some arithmetic.
  void waited(const Outcome& outcome) noexcept;

 private:
  enum Rule : std::uint8_t { kBreakEven, kParkAtOnce, kSpinLong, kRules };

  [[nodiscard]] std::uint64_t limit_of(Rule rule) const noexcept;
  [[nodiscard]] std::uint64_t cost_of(std::uint64_t limit, std::uint64_t gap) const noexcept;
  void remember(std::uint64_t gap) noexcept;
  void learn_park(std::uint64_t cost) noexcept;
  void choose_limit() noexcept;

  std::uint64_t park_cost_;                           // C
  std::uint64_t against_spinning_;                    // a, at most kMost parks
  std::uint64_t against_parking_;                     // b, likewise
  std::array<std::uint64_t, kRules> recent_costs_{};  // of each rule, by smoothing
  Rule best_ = kBreakEven;
  bool has_measured_ = false;
  std::uint64_t limit_ = 0;  // L of the next wait
};

}  // namespace smtni::notify
