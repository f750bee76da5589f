#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/cache_sizes.h"
#include "experiments/experiment.h"
#include "experiments/results.h"

namespace smtni::experiments {

/// The caches of the receiver's CPU at one placement: their sizes, and what a load from each level
/// costs, measured among what is judged by it.
class CacheLevels {
 public:
  /// `placement` outlives this.
  explicit CacheLevels(const NamedPlacement& placement);

  /// Adds one measurement of each level, by a working set of half its size; of what lies beyond the
  /// second, by one of four times the second.
  void measure(const Request& request, std::uint64_t seed);

  [[nodiscard]] const NamedPlacement& placement() const noexcept { return *placement_; }
  [[nodiscard]] const Result<CacheSizes>& sizes() const noexcept { return sizes_; }

  /// What a line costs more from the level after `level` than from that one; nothing where no
  /// difference was measured. REQUIRES: level is 1 or 2.
  [[nodiscard]] std::optional<double> refill_ns(int level) const;

  /// The loads' costs, as figures of the run.
  void add_fields(Fields& fields, std::uint64_t seed) const;

 private:
  const NamedPlacement* placement_;
  Result<CacheSizes> sizes_;
  std::array<std::vector<double>, 3> load_ns_;  // by level, one a repetition
};

}  // namespace smtni::experiments
