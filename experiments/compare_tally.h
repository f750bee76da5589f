#pragma once

#include <cstdint>
#include <optional>

#include "core/result.h"
#include "core/thread_counters.h"

namespace smtni::experiments {

/// What one thread asked of the kernel between begin() and end(), or why that is not known.
///
/// THREADS: begin() and end() by the thread that is counted; the results by anyone later.
class Tally {
 public:
  void begin() {
    counters_.emplace(ThreadCounters::open());
    switches_before_ = counters_->read(Counter::context_switches);
    calls_before_ = counters_->read(Counter::system_calls);
  }
  void end() {
    const auto calls = counters_->read(Counter::system_calls);
    const auto switches = counters_->read(Counter::context_switches);
    // The reading that ends the count is itself the last call that it counts.
    if (calls && calls_before_) system_calls_ = *calls - *calls_before_ - 1;
    if (!calls) system_calls_ = calls;
    if (switches && switches_before_) context_switches_ = *switches - *switches_before_;
    if (!switches) context_switches_ = switches;
  }

  [[nodiscard]] const Result<std::uint64_t>& system_calls() const { return system_calls_; }
  [[nodiscard]] const Result<std::uint64_t>& context_switches() const { return context_switches_; }

 private:
  std::optional<ThreadCounters> counters_;
  Result<std::uint64_t> calls_before_{0};
  Result<std::uint64_t> switches_before_{0};
  Result<std::uint64_t> system_calls_ = failure(Error::Kind::unsupported, "not counted");
  Result<std::uint64_t> context_switches_ = failure(Error::Kind::unsupported, "not counted");
};

}  // namespace smtni::experiments
