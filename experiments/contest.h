#pragma once

#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "core/cpu.h"
#include "core/deadline.h"
#include "core/placement.h"
#include "core/result.h"
#include "experiments/experiment.h"

/// \file
/// Contenders that move messages between two pinned threads, each measured once in every
/// repetition, in random order, with the raw floor measured among them.
namespace smtni::experiments {

/// Under what conditions a contender is measured once.
struct Bout {
  RoleCpus cpus;
  TscClock clock;
  Nanoseconds duration;
  std::uint64_t seed;
  std::stop_token stop;

  [[nodiscard]] bool shares_cpu() const noexcept { return cpus.ni == cpus.receiver; }
};

/// What one bout gave: one, the other, or both.
struct Score {
  std::vector<std::uint64_t> samples_cycles;  ///< of single messages
  double per_second = 0;                      ///< messages, over the whole bout
};

/// The samples of all repetitions, in time.
struct Latencies {
  Distribution pooled_ns;
  std::vector<double> medians_ns;  ///< of each repetition; empty when nothing was timed
};
[[nodiscard]] Latencies latencies_of(std::span<const Score> scores, const TscClock& clock);

struct Contender {
  std::string_view name;
  std::size_t payload_bytes;  ///< of one message
  /// `unsupported` where the machine cannot; any other error says what went wrong.
  Result<Score> (*measure)(const Bout& bout);
};

/// How the contenders' rows are made of their scores.
struct Contest {
  std::span<const Contender> contenders;
  /// The figures of a row, from the scores of all repetitions and the floor's medians (empty where
  /// there is none).
  Fields (*figures)(const Contender& contender, std::span<const Score> scores,
                    std::span<const double> floors_ns, const Request& request);
};

[[nodiscard]] Findings hold(const Contest& contest, const Request& request);

/// Runs `near` on the CPU of the role `receiver` and `far` on that of the role `ni`, and joins
/// them.
Result<void> run_pair(const Bout& bout, const std::function<void()>& near,
                      const std::function<void()>& far);

/// Looks until `has_come` says so. False after a patience far beyond any honest delivery, or once
/// the run is to stop. On a shared processor, and after long spinning, gives the processor away.
class Lookout {
 public:
  explicit Lookout(const Bout& bout, int pauses = 1)
      : stop_(bout.stop), pauses_(pauses), rest_every_(bout.shares_cpu() ? 1U : 1U << 14U) {}

  template <class HasCome>
  [[nodiscard]] bool wait(HasCome has_come) {
    for (std::uint32_t look = 1; !has_come(); ++look) {
      if (look % rest_every_ == 0 && !rest(look)) return false;
      for (int pause = 0; pause < pauses_; ++pause) cpu_pause();
    }
    return true;
  }

 private:
  // False when there is no point in waiting longer.
  bool rest(std::uint32_t look);

  std::stop_token stop_;
  int pauses_;
  std::uint32_t rest_every_;
  Deadline until_{};  // of this wait; set at its first rest
};

}  // namespace smtni::experiments
