#include <cstdio>
#include <string>

#include "core/environment.h"
#include "core/placement.h"
#include "core/topology.h"
#include "experiments/commands.h"
#include "experiments/environment_fields.h"
#include "experiments/writers.h"
#include "notify/mechanisms.h"

namespace smtni::experiments {
namespace {

std::string words_of(const std::vector<int>& cpus) {
  std::string text;
  for (const int cpu : cpus) text += (text.empty() ? "" : " ") + std::to_string(cpu);
  return text;
}

Row row_of(std::string_view placement, const Result<RoleCpus>& cpus) {
  Row row{"", std::string(placement), Status::ok, "", {}};
  if (!cpus) {
    row.status = Status::unsupported;
    row.reason = cpus.error().what;
    return row;
  }
  row.figures = {{"sender_cpu", std::int64_t{cpus->sender}},
                 {"ni_cpu", std::int64_t{cpus->ni}},
                 {"receiver_cpu", std::int64_t{cpus->receiver}},
                 {"context_cpus", words_of(cpus->contexts)}};
  return row;
}

// A mechanism is supported when it opens.
std::vector<Row> mechanism_rows() {
  std::vector<Row> rows;
  notify::for_each_mechanism([&]<class M>() {
    Row row{std::string(M::kInfo.name), "", Status::ok, "", {}};
    if (const auto opened = M::open({}); !opened) {
      row.status =
          opened.error().kind == Error::Kind::unsupported ? Status::unsupported : Status::failed;
      row.reason = opened.error().what;
    }
    rows.push_back(std::move(row));
  });
  return rows;
}

std::string text_of(const Row& row) {
  std::string text = "  " + (row.mechanism.empty() ? row.placement : row.mechanism);
  text.resize(28, ' ');
  text += row.status == Status::ok ? "yes" : std::string(name_of(row.status)) + ": " + row.reason;
  for (const auto& [key, cell] : flatten(row.figures)) text += "  " + key + " " + cell;
  return text + "\n";
}

std::string text_of(const Topology& topology) {
  std::string text = "topology\n";
  for (const Processor& one : topology.processors()) {
    text += "  CPU " + std::to_string(one.cpu) + "  core " + std::to_string(one.core) + "  LLC " +
            std::to_string(one.llc) + "  package " + std::to_string(one.package) + "  node " +
            std::to_string(one.node) + "\n";
  }
  return text;
}

// All members; the warnings, a list, have a paragraph of their own.
std::string text_of(const Fields& environment) {
  std::string text = "environment\n";
  for (const auto& [key, cell] : flatten(environment)) {
    std::string line = "  " + key;
    line.resize(28, ' ');
    text += line + (cell.empty() ? "-" : cell) + "\n";
  }
  text += "warnings\n";
  const Value* found = find_value(environment, "warnings");
  const auto* warnings = found == nullptr ? nullptr : std::get_if<std::vector<std::string>>(found);
  if (warnings == nullptr || warnings->empty()) return text + "  none\n";
  for (const std::string& warning : *warnings) text += "  " + warning + "\n";
  return text;
}

}  // namespace

ExitStatus run_env(const Output& output) {
  const auto environment = Environment::read();
  if (!environment) return complain(kFailed, environment.error().what);
  const auto topology = Topology::read();
  if (!topology) return complain(kFailed, topology.error().what);

  Results results{.experiment = "env", .environment = fields_of(*environment)};
  for (const std::string_view name : kPlacementNames) {
    results.rows.push_back(row_of(name, place(name, *topology)));
  }
  std::string text = text_of(results.environment) + text_of(*topology) + "placements\n";
  for (const Row& row : results.rows) text += text_of(row);
  text += "mechanisms\n";
  for (Row& row : mechanism_rows()) {
    text += text_of(row);
    results.rows.push_back(std::move(row));
  }
  if (!output.quiet) std::fwrite(text.data(), 1, text.size(), stdout);
  return write_files(results, output);
}

}  // namespace smtni::experiments
