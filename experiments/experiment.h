#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "core/placement.h"
#include "core/result.h"
#include "core/tsc_clock.h"
#include "core/units.h"
#include "experiments/progress.h"
#include "experiments/results.h"

namespace smtni::experiments {

/// An option that one experiment has beside the common ones: `--name NUMBER`.
struct OwnOption {
  std::string_view name;  ///< without the dashes
  std::string_view help;  ///< one line, with the unit
  double standard;
  double least;
  double most;
};

/// How much is measured: the numbers that --quick and --smoke change.
struct Effort {
  int repetitions;
  Nanoseconds duration;  ///< of one repetition of one thing
};

/// A placement that this machine has.
struct NamedPlacement {
  std::string name;
  RoleCpus cpus;
};

/// What an experiment is asked to do. Everything in it has been checked.
struct Request {
  std::vector<std::string> mechanisms;     ///< in the order of notify/mechanisms.h
  std::vector<NamedPlacement> placements;  ///< nearest first; never empty
  Effort effort;
  std::uint64_t seed;
  std::map<std::string, double, std::less<>> own;  ///< by OwnOption::name; all are there
  TscClock clock;
  /// Asked often. Once it is set the experiment joins its threads and returns what it likes:
  /// nothing of it is written.
  std::stop_token stop;
  Progress* progress;  ///< never null

  /// REQUIRES: the experiment declares `name`.
  [[nodiscard]] double option(std::string_view name) const;
};

/// One row of the table that the command line, its help, the smoke tests and the bindings read.
/// Each experiment's header holds its own row as a constant; table.cc lists them.
struct Experiment {
  std::string_view name;
  std::string_view question;  ///< that it answers, in one line
  std::string_view unit;      ///< of its main figure
  bool takes_mechanisms;      ///< --mechanism has a meaning for it
  /// Fails only when nothing could be measured at all; what could not is a row with its reason.
  Result<Findings> (*run)(const Request& request);
  Effort standard;
  Effort quick;
  Effort smoke;                     ///< the whole experiment ends within a second
  std::span<const Column> columns;  ///< of its text table, after mechanism and placement
  std::string_view sorted_by;       ///< path of a figure, or empty: as the rows come
  std::string_view reading;         ///< how to read the table: some lines, for its help
  std::span<const OwnOption> own_options;
};

/// All experiments, in the order in which they are listed.
[[nodiscard]] std::span<const Experiment> all_experiments() noexcept;

/// Null when there is none of that name.
[[nodiscard]] const Experiment* find_experiment(std::string_view name) noexcept;

}  // namespace smtni::experiments
