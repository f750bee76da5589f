#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/histogram.h"
#include "core/tsc_clock.h"
#include "experiments/compare_figures.h"
#include "experiments/experiment.h"
#include "experiments/results.h"
#include "experiments/statistics.h"

namespace smtni::experiments {

/// What a cell's latency is compared with: medians of repetitions in the same run and at the same
/// placement. Empty: there are none.
struct Yardsticks {
  std::span<const double> floors_ns;
  std::span<const double> signals_ns;
  std::uint64_t seed;
};

/// One mechanism at one placement: what all its repetitions gave. Percentiles are over the pooled
/// messages; intervals are over the repetitions' medians.
class Cell {
 public:
  /// `placement` outlives the cell.
  Cell(std::string mechanism, const NamedPlacement& placement);

  [[nodiscard]] const std::string& mechanism() const noexcept { return mechanism_; }
  [[nodiscard]] const NamedPlacement& placement() const noexcept { return *placement_; }

  /// False once it was unsupported or failed: then it is not tried again.
  [[nodiscard]] bool is_open() const noexcept { return status_ == Status::ok; }

  /// Adds one repetition, or closes the cell with its reason.
  void add(const Result<Figures>& figures, const TscClock& clock);

  /// The median latency of each repetition.
  [[nodiscard]] std::span<const double> medians_ns() const noexcept { return medians_ns_; }

  [[nodiscard]] Row row(const Yardsticks& yardsticks) const;

 private:
  void add_ratios(const Yardsticks& yardsticks, Fields& figures) const;
  void add_costs(std::uint64_t seed, Fields& figures) const;

  std::string mechanism_;
  const NamedPlacement* placement_;
  Status status_ = Status::ok;
  std::string reason_;
  std::string note_;
  double ns_per_cycle_ = 0;
  Histogram latencies_;  // of all repetitions, in cycles, as are the costs
  Histogram costs_;
  std::vector<double> medians_ns_;
  std::vector<double> losses_ns_;
  std::uint64_t loss_pairs_ = 0;
  std::vector<std::pair<std::string_view, std::uint64_t>> own_counts_;
  std::vector<double> idle_cpu_percent_;
  std::string why_not_idle_;
  // Counted in the first repetition.
  std::optional<Result<double>> system_calls_;
  std::optional<Result<double>> context_switches_;
};

}  // namespace smtni::experiments
