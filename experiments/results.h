#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

/// \file
/// What an experiment hands back, and what the writers make text, CSV and JSON of. The schema is
/// "smtni.results/1": keys are snake_case and the key of a figure ends in its unit.
namespace smtni::experiments {

inline constexpr std::string_view kSchema = "smtni.results/1";

/// Percentiles of all recorded values, in the unit that the figure's key ends in.
struct Distribution {
  double p50 = 0;
  double p90 = 0;
  double p99 = 0;
  double p999 = 0;
  double max = 0;
  std::uint64_t count = 0;
};

/// A value with its 95 % confidence interval.
struct Estimate {
  double value = 0;
  double low = 0;
  double high = 0;
};

/// A figure that does not exist here, and why: in JSON null, with the reason under "absent".
struct Absent {
  std::string reason;
};

using Value = std::variant<bool, std::int64_t, double, std::string, std::vector<std::string>,
                           std::vector<double>, Distribution, Estimate, Absent>;

struct Field {
  std::string key;
  Value value;
};

/// In the order in which they are written. Keys are distinct.
using Fields = std::vector<Field>;

enum class Status : std::uint8_t { ok, unsupported, failed };

[[nodiscard]] std::string_view name_of(Status status) noexcept;

/// One thing that was measured at one placement.
struct Row {
  std::string mechanism;  ///< of notify/mechanisms.h, or what the experiment compares instead
  std::string placement;
  Status status = Status::ok;
  std::string reason;  ///< one line; empty when `status` is ok
  Fields figures;
};

/// What one experiment found.
struct Findings {
  Fields measured;  ///< figures of the run as a whole: they join the environment
  std::vector<Row> rows;
};

/// One result file.
struct Results {
  std::string experiment = {};
  Fields environment = {};
  Fields parameters = {};
  std::vector<Row> rows = {};
};

/// A column of the text table: its heading, and the path of its figure: "notifier_ns", or for one
/// part of a figure "latency_ns.p50".
struct Column {
  std::string_view heading;
  std::string_view path;
};

/// The scalars in `fields` by path, in order: a Distribution gives six, an Estimate "key",
/// "key.low" and "key.high", an Absent one empty cell. Lists are left out.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> flatten(const Fields& fields);

/// Null when there is no such key.
[[nodiscard]] const Value* find_value(const Fields& fields, std::string_view key);

/// The number at `path`, when there is one.
[[nodiscard]] std::optional<double> find_number(const Fields& fields, std::string_view path);

}  // namespace smtni::experiments
