#include <algorithm>
#include <cstdio>
#include <string_view>

#include "core/environment.h"
#include "core/host_noise.h"
#include "experiments/commands.h"
#include "experiments/environment_fields.h"
#include "experiments/interrupt.h"
#include "experiments/selection.h"
#include "experiments/writers.h"
#include "notify/mechanisms.h"

namespace smtni::experiments {
namespace {

Effort effort_of(const Experiment& experiment, const Asked& asked) {
  Effort effort = asked.smoke   ? experiment.smoke
                  : asked.quick ? experiment.quick
                                : experiment.standard;
  effort.repetitions = asked.repetitions.value_or(effort.repetitions);
  effort.duration = asked.duration.value_or(effort.duration);
  return effort;
}

std::map<std::string, double, std::less<>> own_of(const Experiment& experiment,
                                                  const Asked& asked) {
  auto own = asked.own;
  for (const OwnOption& option : experiment.own_options) {
    own.try_emplace(std::string(option.name), option.standard);
  }
  return own;
}

Fields parameters_of(const Request& request) {
  std::vector<std::string> placements;
  placements.reserve(request.placements.size());
  for (const NamedPlacement& placement : request.placements) placements.push_back(placement.name);
  Fields fields{
      {"mechanisms", request.mechanisms},
      {"placements", placements},
      {"repetitions_count", std::int64_t{request.effort.repetitions}},
      {"duration_ms", static_cast<double>(request.effort.duration.count()) / 1e6},
      {"seed", static_cast<std::int64_t>(request.seed)},
  };
  for (const auto& [name, value] : request.own) fields.push_back({name, value});
  return fields;
}

// A placement that was asked for and is not there is a finding for each row it would have had.
void add_missing(const Experiment& experiment, const Request& request,
                 const std::vector<MissingPlacement>& missing, std::vector<Row>& rows) {
  const std::vector<std::string> itself{std::string(experiment.name)};
  for (const MissingPlacement& placement : missing) {
    for (const std::string& name : experiment.takes_mechanisms ? request.mechanisms : itself) {
      rows.push_back({name, placement.name, Status::unsupported, placement.reason, {}});
    }
  }
}

// Runs it, unless no placement that was asked for is there; adds what the host took meanwhile.
Result<Findings> measure(const Experiment& experiment, const Request& request) {
  if (request.placements.empty()) return Findings{};
  const auto before = HostNoise::read();
  auto findings = experiment.run(request);
  const auto after = HostNoise::read();
  if (findings && before && after) {
    const auto steal = static_cast<double>((*after - *before).steal.count());
    findings->measured.push_back({"steal_ms", steal / 1e6});
  }
  return findings;
}

void print(const Experiment& experiment, const Environment& environment, const Results& results,
           const Fields& measured, const Output& output) {
  const std::string text = summary_of(environment) + to_comment(measured) + "\n" +
                           to_text(results, {.columns = experiment.columns,
                                             .sorted_by = experiment.sorted_by,
                                             .colour = output.colour});
  std::fwrite(text.data(), 1, text.size(), stdout);
}

ExitStatus status_of(const Results& results) {
  const auto failed = std::count_if(results.rows.begin(), results.rows.end(),
                                    [](const Row& row) { return row.status == Status::failed; });
  if (failed == 0) return kDone;
  return complain(kFailed, std::to_string(failed) + " of " + std::to_string(results.rows.size()) +
                               " measurements failed; their rows say why");
}

ExitStatus check_files(const Output& output) {
  for (const std::string& path : {output.json, output.csv}) {
    if (path.empty()) continue;
    if (auto can = can_write_file(path); !can) return complain(kFailed, can.error().what);
  }
  return kDone;
}

}  // namespace

ExitStatus run_experiment(const Experiment& experiment, const Asked& asked, const Output& output) {
  const auto interrupts = InterruptWatch::start();
  if (!interrupts) return complain(kFailed, interrupts.error().what);
  auto mechanisms = select_mechanisms(asked.mechanisms, notify::all_mechanism_infos());
  if (!mechanisms) return complain(kWrongUsage, mechanisms.error().what);
  const auto topology = Topology::read();
  if (!topology) return complain(kFailed, topology.error().what);
  auto placements = select_placements(asked.placements, *topology);
  if (!placements) return complain(kWrongUsage, placements.error().what);
  if (const ExitStatus status = check_files(output); status != kDone) return status;
  const auto environment = Environment::read();
  if (!environment) return complain(kFailed, environment.error().what);
  const auto clock = TscClock::calibrate();
  if (!clock) return complain(kFailed, clock.error().what);

  Progress progress({.wanted = !output.quiet});
  const Request request{
      .mechanisms = *std::move(mechanisms),
      .placements = std::move(placements->available),
      .effort = effort_of(experiment, asked),
      .seed = asked.seed,
      .own = own_of(experiment, asked),
      .clock = *clock,
      .stop = interrupts->token(),
      .progress = &progress,
  };
  auto findings = measure(experiment, request);
  progress.clear();
  if (interrupts->came()) return complain(kInterrupted, "interrupted; nothing was written");
  if (!findings) return complain(kFailed, findings.error().what);
  add_missing(experiment, request, placements->missing, findings->rows);

  Results results{.experiment = std::string(experiment.name),
                  .environment = fields_of(*environment),
                  .parameters = parameters_of(request),
                  .rows = std::move(findings->rows)};
  results.environment.insert(results.environment.end(), findings->measured.begin(),
                             findings->measured.end());
  if (!output.quiet) print(experiment, *environment, results, findings->measured, output);
  if (const ExitStatus status = write_files(results, output); status != kDone) return status;
  return status_of(results);
}

}  // namespace smtni::experiments
