#include "experiments/results.h"

#include <array>
#include <charconv>

namespace smtni::experiments {
namespace {

template <class... Functions>
struct Overloaded : Functions... {
  using Functions::operator()...;
};
template <class... Functions>
Overloaded(Functions...) -> Overloaded<Functions...>;

// The shortest text that reads back as the same number; without an exponent where that is short.
template <class Number>
std::string exact_text(Number number) {
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), number).ptr;
  return {text.data(), end};
}

using Cells = std::vector<std::pair<std::string, std::string>>;

void flatten_field(const Field& field, Cells& cells) {
  const auto part = [&](std::string_view name, const auto& number) {
    cells.emplace_back(field.key + std::string(name), exact_text(number));
  };
  std::visit(Overloaded{
                 [&](bool truth) { cells.emplace_back(field.key, truth ? "true" : "false"); },
                 [&](std::int64_t number) { part("", number); },
                 [&](double number) { part("", number); },
                 [&](const std::string& text) { cells.emplace_back(field.key, text); },
                 [&](const std::vector<std::string>&) {},
                 [&](const std::vector<double>&) {},
                 [&](const Distribution& d) {
                   part(".p50", d.p50);
                   part(".p90", d.p90);
                   part(".p99", d.p99);
                   part(".p999", d.p999);
                   part(".max", d.max);
                   part(".count", d.count);
                 },
                 [&](const Estimate& estimate) {
                   part("", estimate.value);
                   part(".low", estimate.low);
                   part(".high", estimate.high);
                 },
                 [&](const Absent&) { cells.emplace_back(field.key, ""); },
             },
             field.value);
}

std::optional<double> part_of(const Distribution& d, std::string_view part) {
  if (part == "p50") return d.p50;
  if (part == "p90") return d.p90;
  if (part == "p99") return d.p99;
  if (part == "p999") return d.p999;
  if (part == "max") return d.max;
  if (part == "count") return static_cast<double>(d.count);
  return std::nullopt;
}

std::optional<double> number_in(const Value& value, std::string_view part) {
  if (const auto* distribution = std::get_if<Distribution>(&value)) {
    return part_of(*distribution, part);
  }
  if (const auto* estimate = std::get_if<Estimate>(&value)) {
    if (part.empty()) return estimate->value;
    if (part == "value") return estimate->value;
    if (part == "low") return estimate->low;
    if (part == "high") return estimate->high;
    return std::nullopt;
  }
  if (!part.empty()) return std::nullopt;
  if (const auto* number = std::get_if<double>(&value)) return *number;
  if (const auto* count = std::get_if<std::int64_t>(&value)) return static_cast<double>(*count);
  return std::nullopt;
}

}  // namespace

std::string_view name_of(Status status) noexcept {
  switch (status) {
    case Status::ok:
      return "ok";
    case Status::unsupported:
      return "unsupported";
    case Status::failed:
      return "failed";
  }
  return "failed";
}

std::vector<std::pair<std::string, std::string>> flatten(const Fields& fields) {
  Cells cells;
  for (const Field& field : fields) flatten_field(field, cells);
  return cells;
}

const Value* find_value(const Fields& fields, std::string_view key) {
  for (const Field& field : fields) {
    if (field.key == key) return &field.value;
  }
  return nullptr;
}

std::optional<double> find_number(const Fields& fields, std::string_view path) {
  const std::size_t dot = path.find('.');
  const Value* value = find_value(fields, path.substr(0, dot));
  if (value == nullptr) return std::nullopt;
  return number_in(*value, dot == path.npos ? std::string_view{} : path.substr(dot + 1));
}

}  // namespace smtni::experiments
