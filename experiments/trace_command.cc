#include <algorithm>
#include <cstdio>
#include <memory>
#include <string_view>

#include "core/clock_offset.h"
#include "core/environment.h"
#include "core/topology.h"
#include "experiments/commands.h"
#include "experiments/environment_fields.h"
#include "experiments/interrupt.h"
#include "experiments/selection.h"
#include "experiments/trace_collector.h"
#include "experiments/trace_summary.h"
#include "experiments/writers.h"
#include "notify/mechanisms.h"

namespace smtni::experiments {
namespace {

constexpr int kSmokeMessages = 20;
constexpr int kSmokeWarmUp = 5;
constexpr int kReadings = 1000;

constexpr std::string_view kReading =
    "delivery begins when the NI calls notify, and overlaps with it; return is as exact as one step\n"
    "of the interrupted computation. Each stamp costs what stamp_ns says, within the stages.\n";

const std::vector<std::string>& standard_mechanisms() {
  static const std::vector<std::string> names = {"lock-table/spin", "async-branch/safepoint",
                                                 "spawn/idle-context", "signal/running",
                                                 "kernel/futex"};
  return names;
}

// Everything that has been read and checked before anything is traced.
struct Plan {
  std::vector<std::string> mechanisms;
  PlacementSelection placements;
  Environment environment;
  TscClock clock;
};

// Wrong names first, at once. REQUIRES: the status is kDone where `plan` is there.
struct Planned {
  ExitStatus status = kDone;
  std::unique_ptr<Plan> plan;
};

Planned plan_for(const Asked& asked, const TraceFiles& files, const Output& output) {
  const auto refused = [](ExitStatus status, const Error& error) {
    return Planned{complain(status, error.what), nullptr};
  };
  auto mechanisms =
      select_mechanisms(asked.mechanisms.empty() ? standard_mechanisms() : asked.mechanisms,
                        notify::all_mechanism_infos());
  if (!mechanisms) return refused(kWrongUsage, mechanisms.error());
  const auto topology = Topology::read();
  if (!topology) return refused(kFailed, topology.error());
  auto placements = select_placements(asked.placements, *topology);
  if (!placements) return refused(kWrongUsage, placements.error());
  // One journey by one mechanism is what is asked for; compare has the table of all placements.
  if (asked.placements.empty()) placements->available.resize(1);
  for (const std::string& path : {output.json, output.csv, files.svg, files.chrome}) {
    if (path.empty()) continue;
    if (auto can = can_write_file(path); !can) return refused(kFailed, can.error());
  }
  auto environment = Environment::read();
  if (!environment) return refused(kFailed, environment.error());
  const auto clock = TscClock::calibrate();
  if (!clock) return refused(kFailed, clock.error());
  return {kDone, std::make_unique<Plan>(Plan{*std::move(mechanisms), *std::move(placements),
                                             *std::move(environment), *clock})};
}

// What one stamp adds to the stage that it ends.
double stamp_ns(const TscClock& clock) {
  const Stamp first = Stamp::take();
  Stamp last = first;
  for (int i = 0; i < kReadings; ++i) last = Stamp::take();
  return clock.nanoseconds(last.at - first.at) / kReadings;
}

// The receiver's counter minus the NI's: what a stage that crosses CPUs may be wrong by.
Field clock_offset_of(const NamedPlacement& placement, const TscClock& clock) {
  const std::string key = placement.name + "_clock_offset_ns";
  const auto offset = measure_clock_offset(placement.cpus.ni, placement.cpus.receiver);
  if (!offset) return {key, Absent{offset.error().what}};
  const double value = static_cast<double>(offset->cycles) * clock.nanoseconds(TscCycles(1));
  const double uncertainty = clock.nanoseconds(offset->uncertainty);
  return {key, Estimate{.value = value, .low = value - uncertainty, .high = value + uncertainty}};
}

struct Traced {
  std::vector<Timeline> timelines;
  std::vector<Row> rows;
};

void trace_one(const std::string& mechanism, const NamedPlacement& placement, const Plan& plan,
               const TraceConditions& common, Traced& traced) {
  TraceConditions conditions = common;
  conditions.mechanism = mechanism;
  conditions.cpus = placement.cpus;
  conditions.drive = drive_for(placement.cpus);
  const auto journeys = collect_journeys(conditions);
  if (conditions.stop.stop_requested()) return;
  if (!journeys) {
    const bool cannot = journeys.error().kind == Error::Kind::unsupported;
    traced.rows.push_back({mechanism,
                           placement.name,
                           cannot ? Status::unsupported : Status::failed,
                           journeys.error().what,
                           {}});
    return;
  }
  traced.timelines.push_back(summarise(
      *journeys, {.mechanism = mechanism, .placement = placement.name, .drive = conditions.drive},
      plan.clock.nanoseconds(TscCycles(1))));
  traced.rows.push_back(
      {mechanism, placement.name, Status::ok, "", fields_of(traced.timelines.back())});
}

Traced trace_all(const Plan& plan, const TraceConditions& common) {
  Traced traced;
  for (const NamedPlacement& placement : plan.placements.available) {
    for (const std::string& mechanism : plan.mechanisms) {
      if (common.stop.stop_requested()) return traced;
      trace_one(mechanism, placement, plan, common, traced);
    }
  }
  for (const MissingPlacement& missing : plan.placements.missing) {
    for (const std::string& mechanism : plan.mechanisms) {
      traced.rows.push_back({mechanism, missing.name, Status::unsupported, missing.reason, {}});
    }
  }
  return traced;
}

void print(const Plan& plan, const Fields& measured, const Traced& traced, bool colour) {
  const TraceStyle style{.colour = colour};
  std::string text = summary_of(plan.environment) + to_comment(measured);
  for (const Timeline& timeline : traced.timelines) text += "\n" + to_trace_text(timeline, style);
  if (!traced.timelines.empty()) {
    text += "\n" + to_trace_overview(traced.timelines, style) + "\n" + std::string(kReading);
  }
  for (const Row& row : traced.rows) {
    if (row.status == Status::ok) continue;
    text += row.mechanism + ", " + row.placement + "  " + std::string(name_of(row.status)) + ": " +
            row.reason + "\n";
  }
  std::fwrite(text.data(), 1, text.size(), stdout);
}

ExitStatus write_pictures(const TraceFiles& files, const std::vector<Timeline>& timelines) {
  if (!files.svg.empty()) {
    if (auto written = write_file(files.svg, to_trace_svg(timelines)); !written) {
      return complain(kFailed, written.error().what);
    }
  }
  if (!files.chrome.empty()) {
    if (auto written = write_file(files.chrome, to_trace_events(timelines)); !written) {
      return complain(kFailed, written.error().what);
    }
  }
  return kDone;
}

ExitStatus status_of(const std::vector<Row>& rows) {
  const auto failed = std::count_if(rows.begin(), rows.end(),
                                    [](const Row& row) { return row.status == Status::failed; });
  if (failed == 0) return kDone;
  return complain(kFailed, std::to_string(failed) + " of " + std::to_string(rows.size()) +
                               " traces failed; their rows say why");
}

}  // namespace

ExitStatus run_trace(const Asked& asked, const TraceAsked& own, const Output& output) {
  const auto interrupts = InterruptWatch::start();
  if (!interrupts) return complain(kFailed, interrupts.error().what);
  const Planned planned = plan_for(asked, own.files, output);
  if (!planned.plan) return planned.status;
  const Plan& plan = *planned.plan;

  const TraceConditions common{
      .payload_bytes = static_cast<std::uint64_t>(own.payload_bytes),
      .messages = static_cast<std::uint64_t>(asked.smoke ? std::min(own.messages, kSmokeMessages)
                                                         : own.messages),
      .warm_up = asked.smoke ? kSmokeWarmUp : TraceConditions{}.warm_up,
      .stop = interrupts->token(),
  };
  Fields measured{{"stamp_ns", stamp_ns(plan.clock)}};
  for (const NamedPlacement& placement : plan.placements.available) {
    measured.push_back(clock_offset_of(placement, plan.clock));
  }
  Traced traced = trace_all(plan, common);
  if (interrupts->came()) return complain(kInterrupted, "interrupted; nothing was written");

  if (!output.quiet) print(plan, measured, traced, output.colour);
  if (const auto status = write_pictures(own.files, traced.timelines); status != kDone) {
    return status;
  }
  Results results{.experiment = "trace",
                  .environment = fields_of(plan.environment),
                  .parameters = {{"mechanisms", plan.mechanisms},
                                 {"messages_count", static_cast<std::int64_t>(common.messages)},
                                 {"payload_bytes", std::int64_t{own.payload_bytes}}},
                  .rows = std::move(traced.rows)};
  results.environment.insert(results.environment.end(), measured.begin(), measured.end());
  if (const ExitStatus status = write_files(results, output); status != kDone) return status;
  return status_of(results.rows);
}

}  // namespace smtni::experiments
