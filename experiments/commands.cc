#include "experiments/commands.h"

#include <cstdio>

#include "experiments/writers.h"

namespace smtni::experiments {

ExitStatus complain(ExitStatus status, const std::string& what) {
  std::fprintf(stderr, "smtni: %s\n", what.c_str());
  return status;
}

ExitStatus write_files(const Results& results, const Output& output) {
  if (!output.json.empty()) {
    if (auto written = write_file(output.json, to_json(results)); !written) {
      return complain(kFailed, written.error().what);
    }
  }
  if (!output.csv.empty()) {
    if (auto written = write_file(output.csv, to_csv(results)); !written) {
      return complain(kFailed, written.error().what);
    }
  }
  return kDone;
}

}  // namespace smtni::experiments
