#include <cstdio>
#include <string>

#include "core/environment.h"
#include "experiments/commands.h"
#include "experiments/environment_fields.h"
#include "experiments/writers.h"
#include "notify/mechanisms.h"

namespace smtni::experiments {
namespace {

std::string_view name_of(notify::Role role) {
  switch (role) {
    case notify::Role::waits:
      return "waits";
    case notify::Role::branches:
      return "branches";
    case notify::Role::spawns:
      return "spawns";
  }
  return "waits";
}

Row row_of(const notify::MechanismInfo& info) {
  return {std::string(info.name),
          "",
          Status::ok,
          "",
          {{"kind", std::string("mechanism")},
           {"role", std::string(name_of(info.role))},
           {"source", std::string(info.source)},
           {"summary", std::string(info.summary)}}};
}

Row row_of(const Experiment& experiment) {
  return {std::string(experiment.name),
          "",
          Status::ok,
          "",
          {{"kind", std::string("experiment")},
           {"unit", std::string(experiment.unit)},
           {"summary", std::string(experiment.question)}}};
}

constexpr std::array kMechanismColumns = {Column{"the receiver", "role"}, Column{"from", "source"},
                                          Column{"how", "summary"}};
constexpr std::array kExperimentColumns = {Column{"unit", "unit"}, Column{"question", "summary"}};

}  // namespace

ExitStatus run_list(const Output& output) {
  Results mechanisms{.experiment = "list"};
  for (const notify::MechanismInfo& info : notify::all_mechanism_infos()) {
    mechanisms.rows.push_back(row_of(info));
  }
  Results experiments{.experiment = "list"};
  for (const Experiment& experiment : all_experiments()) {
    experiments.rows.push_back(row_of(experiment));
  }
  if (!output.quiet) {
    const std::string text =
        to_text(mechanisms, {.first = "mechanism", .columns = kMechanismColumns}) + "\n" +
        to_text(experiments, {.first = "experiment", .columns = kExperimentColumns});
    std::fwrite(text.data(), 1, text.size(), stdout);
  }
  if (output.json.empty() && output.csv.empty()) return kDone;
  const auto environment = Environment::read();
  if (!environment) return complain(kFailed, environment.error().what);
  mechanisms.environment = fields_of(*environment);
  mechanisms.rows.insert(mechanisms.rows.end(), experiments.rows.begin(), experiments.rows.end());
  return write_files(mechanisms, output);
}

}  // namespace smtni::experiments
