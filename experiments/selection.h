#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/placement.h"
#include "core/result.h"
#include "experiments/experiment.h"
#include "notify/mechanism.h"

namespace smtni::experiments {

/// The mechanisms that `asked` names, in the order of `known` and each once. A word is a
/// mechanism's name or a family, the part of names before '/'. Nothing asked means all. `invalid`,
/// naming what is accepted, for any other word.
Result<std::vector<std::string>> select_mechanisms(const std::vector<std::string>& asked,
                                                   std::span<const notify::MechanismInfo> known);

/// A placement that was asked for and is not there.
struct MissingPlacement {
  std::string name;
  std::string reason;
};

struct PlacementSelection {
  std::vector<NamedPlacement> available;
  std::vector<MissingPlacement> missing;
};

/// The placements that `asked` names, nearest first; nothing asked means all that this machine has.
/// `invalid`, naming what is accepted, for an unknown name.
Result<PlacementSelection> select_placements(const std::vector<std::string>& asked,
                                             const Topology& topology);

}  // namespace smtni::experiments
