#include <algorithm>
#include <array>

#include "core/expect.h"
#include "experiments/active_message.h"
#include "experiments/compare.h"
#include "experiments/disturbance.h"
#include "experiments/dma.h"
#include "experiments/experiment.h"
#include "experiments/link.h"
#include "experiments/ni_tlb.h"
#include "experiments/pingpong.h"
#include "experiments/put.h"
#include "experiments/throughput.h"

namespace smtni::experiments {
namespace {

// The one list of experiments: a new one is a header with its row, and a line here.
constexpr std::array kExperiments = {
    kCompare, kPingpong, kThroughput, kDisturbance, kLink, kPut, kDma, kActiveMessage, kNiTlb,
};

}  // namespace

std::span<const Experiment> all_experiments() noexcept { return kExperiments; }

const Experiment* find_experiment(std::string_view name) noexcept {
  const auto found =
      std::find_if(kExperiments.begin(), kExperiments.end(),
                   [&](const Experiment& experiment) { return experiment.name == name; });
  return found == kExperiments.end() ? nullptr : &*found;
}

double Request::option(std::string_view name) const {
  const auto found = own.find(name);
  SMTNI_EXPECT(found != own.end());
  return found->second;
}

}  // namespace smtni::experiments
