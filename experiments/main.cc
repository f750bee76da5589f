// The command line. The one file that includes CLI11, which is slow to compile.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdlib>
#include <exception>
#include <limits>
#include <string>
#include <string_view>

#include "experiments/commands.h"
#include "experiments/experiment.h"

namespace smtni::experiments {
namespace {

constexpr const char* kVersion = "smtni " SMTNI_VERSION;

constexpr const char* kAbout =
    "What does a notification cost on this machine?\n"
    "\n"
    "smtni measures how news reaches a thread: by the user-level mechanisms of Parker, Davis and\n"
    "Hsieh (lock table, asynchronous branch, spawned context) and by what systems do today\n"
    "(polling, futex, eventfd, signals, ...), side by side in one run.";

constexpr const char* kExamples =
    "Examples:\n"
    "  smtni compare --quick                      the table, in less than 30 s\n"
    "  smtni compare -m lock-table,signal/running one family against one mechanism\n"
    "  smtni compare -p same-cpu --json one.json  where both sides share a processor\n"
    "  smtni trace --svg journey.svg              one message's journey, stage by stage\n"
    "  smtni env                                  what this machine can do, and what disturbs it\n"
    "\n"
    "Exit status: 0 done, 1 failed, 2 wrong usage, 130 interrupted (nothing is written).";

// Checks the whole text, so that "3x" or "nan" is refused with what is accepted.
template <class Number>
CLI::Validator number_between(Number least, Number most) {
  return {[least, most](std::string& text) -> std::string {
            Number number{};
            const char* end = text.data() + text.size();
            const auto read = std::from_chars(text.data(), end, number);
            if (read.ec == std::errc() && read.ptr == end && number >= least && number <= most) {
              return {};
            }
            std::ostringstream accepted;
            accepted << "'" << text << "' is not accepted; accepted: a "
                     << (std::is_integral_v<Number> ? "whole number" : "number") << " from "
                     << least << " to " << most;
            return accepted.str();
          },
          "", "number"};
}

struct CommandLine {
  Output output;
  Asked asked;
  TraceAsked trace;
  int repetitions = 0;
  double duration_ms = 0;
  bool no_colour = false;
};

void add_output_options(CLI::App& command, CommandLine& line) {
  command.add_option("--json", line.output.json, "Write the results to FILE as JSON")
      ->type_name("FILE");
  command.add_option("--csv", line.output.csv, "Write the results to FILE as CSV")
      ->type_name("FILE");
  command.add_flag("--quiet,-q", line.output.quiet, "Print no table and no progress");
  command.add_flag("--no-color", line.no_colour, "No colours; the variable NO_COLOR does the same");
  command.add_flag("--smoke", line.asked.smoke, "Less than a second: does it work at all?");
}

void add_own_options(CLI::App& command, const Experiment& experiment, CommandLine& line) {
  for (const OwnOption& option : experiment.own_options) {
    const std::string name(option.name);
    command
        .add_option_function<double>(
            "--" + name, [&line, name](double value) { line.asked.own[name] = value; },
            std::string(option.help))
        ->check(number_between(option.least, option.most))
        ->type_name("NUMBER")
        ->default_str(CLI::detail::to_string(option.standard));
  }
}

void add_mechanism_option(CLI::App& command, const std::string& standard, CommandLine& line) {
  command
      .add_option("--mechanism,-m", line.asked.mechanisms,
                  "A mechanism, or a family such as \"kernel\"; several with commas or by "
                  "repeating; default: " +
                      standard)
      ->delimiter(',')
      ->type_name("NAME");
}

void add_placement_option(CLI::App& command, const std::string& standard, CommandLine& line) {
  command
      .add_option(
          "--placement,-p", line.asked.placements,
          "Where the NI and the receiver run: smt-sibling, same-llc, same-node, cross-node, "
          "same-cpu; default: " +
              standard)
      ->delimiter(',')
      ->type_name("NAME");
}

void add_measure_options(CLI::App& command, const Experiment& experiment, CommandLine& line) {
  if (experiment.takes_mechanisms) add_mechanism_option(command, "all", line);
  add_placement_option(command, "all that this machine has", line);
  command.add_option("--repetitions,-r", line.repetitions, "Repetitions, in shuffled order")
      ->check(number_between(1, 10'000))
      ->default_str(std::to_string(experiment.standard.repetitions))
      ->type_name("COUNT");
  command.add_option("--duration,-d", line.duration_ms, "Length of one repetition, in ms")
      ->check(number_between(1.0, 60'000.0))
      ->default_str(std::to_string(experiment.standard.duration.count() / 1'000'000))
      ->type_name("MS");
  command.add_option("--seed", line.asked.seed, "Seed of all random choices")
      ->check(number_between(std::int64_t{0}, std::numeric_limits<std::int64_t>::max()))
      ->type_name("NUMBER")
      ->capture_default_str();
  command.add_flag("--quick", line.asked.quick, "Less than 30 s");
  add_own_options(command, experiment, line);
}

void add_experiment(CLI::App& parent, const Experiment& experiment, CommandLine& line) {
  CLI::App* command =
      parent.add_subcommand(std::string(experiment.name), std::string(experiment.question));
  command->footer(std::string(experiment.reading));
  add_output_options(*command, line);
  add_measure_options(*command, experiment, line);
}

CLI::App* add_trace(CLI::App& parent, CommandLine& line) {
  CLI::App* command = parent.add_subcommand("trace", "One message's journey, stage by stage");
  add_output_options(*command, line);
  add_mechanism_option(*command, "one of each kind", line);
  add_placement_option(*command, "the nearest that this machine has", line);
  command->add_option("--messages", line.trace.messages, "Messages that are traced")
      ->check(number_between(1, 100'000))
      ->type_name("COUNT")
      ->capture_default_str();
  command->add_option("--payload", line.trace.payload_bytes, "Payload of a message, in bytes")
      ->check(number_between(0, 1 << 20))
      ->type_name("BYTES")
      ->capture_default_str();
  command->add_option("--svg", line.trace.files.svg, "Draw the journeys to FILE")
      ->type_name("FILE");
  command->add_option("--chrome", line.trace.files.chrome, "Write FILE for Perfetto")
      ->type_name("FILE");
  return command;
}

std::string names_of(const std::vector<const CLI::App*>& commands) {
  std::string names;
  for (const CLI::App* command : commands) {
    names += (names.empty() ? "" : ", ") + command->get_name();
  }
  return names;
}

std::string options_of(const CLI::App& command) {
  std::string names;
  for (const CLI::Option* option : command.get_options()) {
    names += (names.empty() ? "" : ", ") + option->get_name();
  }
  return names;
}

// The innermost command that was understood.
const CLI::App* last_parsed(const CLI::App* app) {
  while (!app->get_subcommands().empty()) app = app->get_subcommands().front();
  return app;
}

bool has_subcommands(const CLI::App& app) { return !app.get_subcommands({}).empty(); }

// One line that says what was wrong and what is accepted.
std::string explained(const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App* command = last_parsed(&app);
  const auto extras = command->remaining(true);
  const std::string_view first = extras.empty() ? std::string_view{} : extras.front();
  if (has_subcommands(*command) && (first.empty() || first.front() != '-')) {
    const std::string kind = command == &app ? "command" : "experiment";
    const std::string wrong = first.empty() ? "no " + kind + " given"
                                            : "unknown " + kind + " '" + std::string(first) + "'";
    return wrong + "; accepted: " +
           names_of(command->get_subcommands([](const CLI::App*) { return true; }));
  }
  if (!first.empty()) {
    return "unknown " + std::string(first.front() == '-' ? "option" : "argument") + " '" +
           std::string(first) + "'; accepted: " + options_of(*command);
  }
  return error.what();
}

void finish(CommandLine& line) {
  if (line.repetitions > 0) line.asked.repetitions = line.repetitions;
  if (line.duration_ms > 0) {
    line.asked.duration = Nanoseconds(static_cast<std::uint64_t>(line.duration_ms * 1e6));
  }
  const char* no_colour = std::getenv("NO_COLOR");
  line.output.colour = !line.no_colour && (no_colour == nullptr || *no_colour == '\0') &&
                       ::isatty(STDOUT_FILENO) == 1;
}

ExitStatus run(int argc, char** argv) {
  CommandLine line;
  CLI::App app(kAbout, "smtni");
  app.footer(kExamples);
  app.set_version_flag("--version", kVersion);
  app.require_subcommand(1);
  CLI::App* env = app.add_subcommand("env", "The machine as the results need it");
  add_output_options(*env, line);
  CLI::App* list = app.add_subcommand("list", "All mechanisms and experiments");
  add_output_options(*list, line);
  CLI::App* run = app.add_subcommand("run", "One experiment, with its own options");
  run->require_subcommand(1);
  for (const Experiment& experiment : all_experiments()) add_experiment(*run, experiment, line);
  const Experiment& main_job = all_experiments().front();
  add_experiment(app, main_job, line);
  const CLI::App* trace = add_trace(app, line);

  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& wanted) {  // --help or --version
    return static_cast<ExitStatus>(app.exit(wanted));
  } catch (const CLI::ParseError& error) {
    return complain(kWrongUsage, explained(app, error));
  }
  finish(line);
  if (env->parsed()) return run_env(line.output);
  if (list->parsed()) return run_list(line.output);
  if (trace->parsed()) return run_trace(line.asked, line.trace, line.output);
  return run_experiment(*find_experiment(last_parsed(&app)->get_name()), line.asked, line.output);
}

}  // namespace
}  // namespace smtni::experiments

int main(int argc, char** argv) {
  using namespace smtni::experiments;
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {  // no memory, or a fault of a library that we use
    return complain(kFailed, error.what());
  }
}
