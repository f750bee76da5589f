#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <random>
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
  const Request* request = nullptr;  ///< for own options; never null in a contest

  [[nodiscard]] bool shares_cpu() const noexcept { return cpus.ni == cpus.receiver; }
};

/// What one bout gave: one of these, or several.
struct Score {
  std::vector<std::uint64_t> samples_cycles = {};  ///< of single messages
  double per_second = 0;                           ///< messages, over the whole bout
  /// Of what the samples are compared with, taken in turn with them.
  std::vector<std::uint64_t> compared_cycles = {};
  double hit_ratio = 0;  ///< of a contender that looks things up in a cache
};

/// The samples of all repetitions, in time.
struct Latencies {
  Distribution pooled_ns;
  std::vector<double> medians_ns;  ///< of each repetition; empty when nothing was timed
};
using Samples = std::vector<std::uint64_t> Score::*;
[[nodiscard]] Latencies latencies_of(std::span<const Score> scores, const TscClock& clock,
                                     Samples samples = &Score::samples_cycles);

/// As many samples of each direction, of one way between two CPUs: an offset between their clocks
/// moves the two halves apart evenly, and leaves the middle where it is.
[[nodiscard]] std::vector<std::uint64_t> pool_evenly(std::vector<std::uint64_t> there,
                                                     std::span<const std::uint64_t> back);

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

/// A row's figures of single messages' latencies, beside the floor.
[[nodiscard]] Fields latency_figures(const Contender& contender, std::span<const Score> scores,
                                     std::span<const double> floors_ns, const Request& request);

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

/// How far a receiver has come: written by it, read by the sender between two messages, in a line
/// pair of its own.
struct alignas(kLinePair) RoundsSeen {
  std::atomic<std::uint64_t> rounds{0};
};

/// Gaps between messages that come at random moments: 0.3 to 3 us, so that whoever looks for them
/// has long been looking. Gives a shared processor away meanwhile.
class RandomGaps {
 public:
  RandomGaps(const Bout& bout, std::uint64_t seed)
      : least_(bout.clock.cycles(Nanoseconds(300)).count()),
        spread_(bout.clock.cycles(Nanoseconds(2700)).count()),
        shares_cpu_(bout.shares_cpu()),
        random_(seed) {}

  /// Lets one pass; when it was to end.
  TscInstant pass();

 private:
  std::uint64_t least_;
  std::uint64_t spread_;
  bool shares_cpu_;
  std::mt19937_64 random_;
};

}  // namespace smtni::experiments
