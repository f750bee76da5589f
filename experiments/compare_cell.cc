#include "experiments/compare_cell.h"

#include <utility>

namespace smtni::experiments {
namespace {

// Half a minute on a 2 GHz counter; what is longer still counts, and the maximum stays exact.
constexpr std::uint64_t kLongestCycles = std::uint64_t{1} << 36U;

Distribution distribution_of(const Histogram& cycles, double ns_per_cycle) {
  const auto at = [&](double percent) {
    return static_cast<double>(cycles.percentile(percent)) * ns_per_cycle;
  };
  return {.p50 = at(50),
          .p90 = at(90),
          .p99 = at(99),
          .p999 = at(99.9),
          .max = static_cast<double>(cycles.max()) * ns_per_cycle,
          .count = cycles.count()};
}

std::vector<double> scaled(const std::vector<std::uint64_t>& cycles, double ns_per_cycle) {
  std::vector<double> spans;
  spans.reserve(cycles.size());
  for (const std::uint64_t one : cycles) spans.push_back(static_cast<double>(one) * ns_per_cycle);
  return spans;
}

Value value_of(const std::optional<Result<double>>& figure) {
  if (!figure) return Absent{"not counted"};
  if (!*figure) return Absent{figure->error().what};
  return **figure;
}

}  // namespace

Cell::Cell(std::string mechanism, const NamedPlacement& placement)
    : mechanism_(std::move(mechanism)),
      placement_(&placement),
      latencies_(kLongestCycles),
      costs_(kLongestCycles) {}

void Cell::add(const Result<Figures>& figures, const TscClock& clock) {
  if (!figures) {
    const bool unsupported = figures.error().kind == Error::Kind::unsupported;
    status_ = unsupported ? Status::unsupported : Status::failed;
    reason_ = figures.error().what;
    return;
  }
  ns_per_cycle_ = clock.nanoseconds(TscCycles(1));
  for (const std::uint64_t cycles : figures->latency_cycles) latencies_.record(cycles);
  for (const std::uint64_t cycles : figures->notifier_cycles) costs_.record(cycles);
  if (!figures->latency_cycles.empty()) {
    medians_ns_.push_back(median(scaled(figures->latency_cycles, ns_per_cycle_)));
  }
  for (const double cycles : figures->loss_cycles) losses_ns_.push_back(cycles * ns_per_cycle_);
  loss_pairs_ += figures->loss_pairs;
  if (own_counts_.empty()) {
    own_counts_ = figures->own_counts;
  } else {
    for (std::size_t at = 0; at < own_counts_.size(); ++at) {
      own_counts_[at].second += figures->own_counts[at].second;
    }
  }
  if (figures->idle_cpu_percent) {
    idle_cpu_percent_.push_back(*figures->idle_cpu_percent);
  } else {
    why_not_idle_ = figures->idle_cpu_percent.error().what;
  }
  if (!system_calls_) {
    system_calls_ = figures->system_calls;
    context_switches_ = figures->context_switches;
  }
  if (note_.empty()) note_ = figures->note;
}

Row Cell::row(const Yardsticks& yardsticks) const {
  Row row{mechanism_, placement_->name, status_, reason_, {}};
  if (status_ == Status::ok && latencies_.count() == 0) {
    row.status = Status::failed;
    row.reason = "no message was timed";
  }
  if (row.status != Status::ok) return row;
  Fields& figures = row.figures;
  figures.push_back({"latency_ns", distribution_of(latencies_, ns_per_cycle_)});
  figures.push_back({"median_latency_ns", median_estimate(medians_ns_, {.seed = yardsticks.seed})});
  figures.push_back({"repetition_median_latencies_ns", medians_ns_});
  add_ratios(yardsticks, figures);
  figures.push_back({"notifier_ns", distribution_of(costs_, ns_per_cycle_)});
  add_costs(yardsticks.seed, figures);
  for (const auto& [name, count] : own_counts_) {
    figures.push_back({std::string(name) + "_count", static_cast<std::int64_t>(count)});
  }
  if (!note_.empty()) figures.push_back({"note", note_});
  return row;
}

void Cell::add_ratios(const Yardsticks& yardsticks, Fields& figures) const {
  const auto add = [&](const char* key, Ratio ratio, const char* reason) {
    if (ratio.numerators.empty() || ratio.denominators.empty()) {
      figures.push_back({key, Absent{reason}});
    } else {
      figures.push_back({key, ratio_estimate(ratio, {.seed = yardsticks.seed})});
    }
  };
  add("latency_to_floor_ratio", {.numerators = medians_ns_, .denominators = yardsticks.floors_ns},
      "no floor at this placement");
  add("signal_to_latency_ratio", {.numerators = yardsticks.signals_ns, .denominators = medians_ns_},
      "signal/running was not measured in this run");
}

void Cell::add_costs(std::uint64_t seed, Fields& figures) const {
  if (losses_ns_.empty()) {
    std::string_view reason =
        why_no_loss(mechanism_, placement_->cpus.ni == placement_->cpus.receiver);
    if (reason.empty()) reason = "the receiver was never on its processor for two whole windows";
    figures.push_back({"receiver_loss_ns", Absent{std::string(reason)}});
  } else {
    figures.push_back({"receiver_loss_ns", median_estimate(losses_ns_, {.seed = seed})});
    figures.push_back({"receiver_loss_pairs_left_out_count",
                       static_cast<std::int64_t>(loss_pairs_ - losses_ns_.size())});
  }
  if (idle_cpu_percent_.empty()) {
    figures.push_back({"idle_cpu_percent", Absent{why_not_idle_}});
  } else {
    figures.push_back({"idle_cpu_percent", median(idle_cpu_percent_)});
  }
  figures.push_back({"system_calls_per_notification", value_of(system_calls_)});
  figures.push_back({"context_switches_per_notification", value_of(context_switches_)});
}

}  // namespace smtni::experiments
