#include "experiments/environment_fields.h"

#include <cstdint>
#include <optional>
#include <sstream>

namespace smtni::experiments {
namespace {

Value value_of(bool truth) { return truth; }
Value value_of(std::int64_t number) { return number; }
Value value_of(const std::string& text) { return text; }

template <class Number>
Value value_of(const std::optional<Number>& number) {
  return number ? Value(*number) : Value(Absent{"not known here"});
}

std::string text_of(const std::optional<std::int64_t>& number) {
  return number ? std::to_string(*number) : "none";
}

// The names alone, which fit on a line: "a, b (vulnerable), c".
std::string short_mitigations(const std::string& mitigations) {
  std::string text;
  std::istringstream items(mitigations);
  for (std::string item; std::getline(items, item, ';');) {
    item.erase(0, item.find_first_not_of(' '));
    text += (text.empty() ? "" : ", ") + item.substr(0, item.find(':'));
    if (item.find(": Vulnerable") != item.npos) text += " (vulnerable)";
  }
  return text;
}

}  // namespace

Fields fields_of(const Environment& environment) {
  Fields fields;
  for_each_field(environment, [&](const char* name, const auto& member) {
    fields.push_back({name, value_of(member)});
  });
  fields.push_back({"warnings", noise_warnings(environment)});
  return fields;
}

std::string summary_of(const Environment& e) {
  std::string text;
  const auto line = [&](const std::string& content) { text += "# " + content + "\n"; };
  line(e.cpu_model + ", " + std::to_string(e.cpus_usable) + " CPUs, " + std::to_string(e.cores) +
       " cores, " + std::to_string(e.numa_nodes) + " NUMA nodes, " +
       (e.smt ? "with SMT" : "no SMT"));
  line("kernel " + e.kernel + ", hypervisor " + e.hypervisor + ", governor " + e.governor +
       ", cpuidle " + e.cpuidle_driver + ", guest halt poll " + text_of(e.guest_halt_poll_ns) +
       " ns");
  line("mitigations " + short_mitigations(e.mitigations));
  line("commit " + e.commit + ", " + e.build_type + ", " + e.compiler);
  for (const std::string& warning : noise_warnings(e)) line("warning: " + warning);
  return text;
}

}  // namespace smtni::experiments
