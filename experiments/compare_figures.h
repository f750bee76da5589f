#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "experiments/compare_exchange.h"

namespace smtni::experiments {

/// Raw figures of one mechanism, measured once.
struct Figures {
  std::vector<std::uint64_t> latency_cycles;   ///< from the notifier's act to the handler
  std::vector<std::uint64_t> notifier_cycles;  ///< of the act
  std::vector<double> loss_cycles;  ///< per notification, one for each whole pair of windows
  std::uint64_t loss_pairs = 0;     ///< of windows, whole or not
  Result<double> idle_cpu_percent = failure(Error::Kind::unsupported, "not measured");
  Result<double> system_calls = failure(Error::Kind::unsupported, "not measured");
  Result<double> context_switches = failure(Error::Kind::unsupported, "not measured");
  /// Counts that the mechanism keeps of itself, by name.
  std::vector<std::pair<std::string_view, std::uint64_t>> own_counts;
  std::string note;  ///< a thread that is not where it should be; else empty
};

/// Measures the mechanism called `name` once. `unsupported` where the machine cannot do it; any
/// other error says what went wrong.
/// REQUIRES: notify/mechanisms.h has `name`.
Result<Figures> measure_once(std::string_view name, const Conditions& conditions);

/// Why there is no receiver's loss for this mechanism at this placement; empty when there is one.
[[nodiscard]] std::string_view why_no_loss(std::string_view name, bool shares_cpu);

}  // namespace smtni::experiments
