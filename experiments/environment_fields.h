#pragma once

#include <string>

#include "core/environment.h"
#include "experiments/results.h"

namespace smtni::experiments {

/// Every member of `environment` by its name, then "warnings". What is not known is absent.
[[nodiscard]] Fields fields_of(const Environment& environment);

/// The few lines that stand before the numbers, each beginning with "# ".
[[nodiscard]] std::string summary_of(const Environment& environment);

}  // namespace smtni::experiments
