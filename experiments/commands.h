#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "experiments/exit_status.h"
#include "experiments/experiment.h"

namespace smtni::experiments {

/// Where a command's results go beside the terminal; empty: nowhere.
struct Output {
  std::string json;
  std::string csv;
  bool quiet = false;   ///< nothing on standard output, no progress bar
  bool colour = false;  ///< allowed, and standard output is a terminal
};

/// What the command line asked of one experiment; what is not given comes from its table row.
struct Asked {
  std::vector<std::string> mechanisms;  ///< names and families; empty: all
  std::vector<std::string> placements;  ///< empty: all that the machine has
  std::optional<int> repetitions;
  std::optional<Nanoseconds> duration;
  std::uint64_t seed = 1;
  bool quick = false;
  bool smoke = false;
  std::map<std::string, double, std::less<>> own;
};

/// Files that `trace` can write beside the results; empty: not written.
struct TraceFiles {
  std::string svg;
  std::string chrome;
};

/// What the command line asked of `trace` beyond what all commands take.
struct TraceAsked {
  int messages = 200;
  int payload_bytes = 32;
  TraceFiles files = {};
};

ExitStatus run_env(const Output& output);
ExitStatus run_list(const Output& output);
ExitStatus run_experiment(const Experiment& experiment, const Asked& asked, const Output& output);
/// One message's journey. Of `asked` it reads the mechanisms, the placements and `smoke`.
ExitStatus run_trace(const Asked& asked, const TraceAsked& own, const Output& output);

/// Says "smtni: `what`" on standard error, and gives the status back.
ExitStatus complain(ExitStatus status, const std::string& what);

/// Writes the JSON and CSV files that `output` names.
ExitStatus write_files(const Results& results, const Output& output);

}  // namespace smtni::experiments
