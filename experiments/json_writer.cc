// The one file that includes nlohmann/json, which is slow to compile.
#include <nlohmann/json.hpp>

#include "experiments/writers.h"

namespace smtni::experiments {
namespace {

using Json = nlohmann::ordered_json;

struct ToJson {
  template <class Plain>
  Json operator()(const Plain& plain) const {
    return plain;
  }
  Json operator()(const Distribution& d) const {
    return {{"p50", d.p50},   {"p90", d.p90}, {"p99", d.p99},
            {"p999", d.p999}, {"max", d.max}, {"count", d.count}};
  }
  Json operator()(const Estimate& estimate) const {
    return {{"value", estimate.value}, {"low", estimate.low}, {"high", estimate.high}};
  }
  Json operator()(const Absent&) const { return nullptr; }
};

// Adds `fields` to `object`; the reasons of those that are absent come last.
void add(const Fields& fields, Json& object) {
  Json absent = Json::object();
  for (const Field& field : fields) {
    object[field.key] = std::visit(ToJson{}, field.value);
    if (const auto* none = std::get_if<Absent>(&field.value)) absent[field.key] = none->reason;
  }
  if (!absent.empty()) object["absent"] = std::move(absent);
}

Json object_of(const Fields& fields) {
  Json object = Json::object();
  add(fields, object);
  return object;
}

}  // namespace

std::string to_json(const Results& results) {
  Json file;
  file["schema"] = kSchema;
  file["environment"] = object_of(results.environment);
  file["experiment"] = results.experiment;
  file["parameters"] = object_of(results.parameters);
  file["rows"] = Json::array();
  for (const Row& row : results.rows) {
    Json object{{"mechanism", row.mechanism},
                {"placement", row.placement},
                {"status", name_of(row.status)},
                {"reason", row.reason}};
    add(row.figures, object);
    file["rows"].push_back(std::move(object));
  }
  // Names of devices and files need not be UTF-8; a result is still written.
  return file.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace smtni::experiments
