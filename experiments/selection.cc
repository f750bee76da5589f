#include "experiments/selection.h"

#include <algorithm>
#include <string_view>

namespace smtni::experiments {
namespace {

std::string_view family_of(std::string_view name) { return name.substr(0, name.find('/')); }

std::string joined(const std::vector<std::string_view>& words) {
  std::string text;
  for (const std::string_view word : words) {
    if (!text.empty()) text += ", ";
    text += word;
  }
  return text;
}

std::string accepted_mechanisms(std::span<const notify::MechanismInfo> known) {
  std::vector<std::string_view> names;
  std::vector<std::string_view> families;
  for (const notify::MechanismInfo& info : known) {
    names.push_back(info.name);
    const std::string_view family = family_of(info.name);
    if (family != info.name &&
        std::find(families.begin(), families.end(), family) == families.end()) {
      families.push_back(family);
    }
  }
  return joined(names) + "; or a family: " + joined(families);
}

}  // namespace

Result<std::vector<std::string>> select_mechanisms(const std::vector<std::string>& asked,
                                                   std::span<const notify::MechanismInfo> known) {
  const auto means = [](std::string_view word, const notify::MechanismInfo& info) {
    return word == info.name || word == family_of(info.name);
  };
  for (const std::string& word : asked) {
    if (std::none_of(known.begin(), known.end(),
                     [&](const auto& info) { return means(word, info); })) {
      return failure(Error::Kind::invalid,
                     "unknown mechanism '" + word + "'; accepted: " + accepted_mechanisms(known));
    }
  }
  std::vector<std::string> selected;
  for (const notify::MechanismInfo& info : known) {
    if (asked.empty() || std::any_of(asked.begin(), asked.end(),
                                     [&](const auto& word) { return means(word, info); })) {
      selected.emplace_back(info.name);
    }
  }
  return selected;
}

Result<PlacementSelection> select_placements(const std::vector<std::string>& asked,
                                             const Topology& topology) {
  for (const std::string& word : asked) {
    if (std::find(kPlacementNames.begin(), kPlacementNames.end(), word) == kPlacementNames.end()) {
      return failure(Error::Kind::invalid,
                     "unknown placement '" + word + "'; accepted: " +
                         joined(std::vector<std::string_view>(kPlacementNames.begin(),
                                                              kPlacementNames.end())));
    }
  }
  PlacementSelection selection;
  for (const std::string_view name : kPlacementNames) {
    if (!asked.empty() && std::find(asked.begin(), asked.end(), name) == asked.end()) continue;
    if (auto cpus = place(name, topology)) {
      selection.available.push_back({std::string(name), *std::move(cpus)});
    } else if (!asked.empty()) {
      selection.missing.push_back({std::string(name), cpus.error().what});
    }
  }
  return selection;
}

}  // namespace smtni::experiments
