#pragma once

#include <vector>

#include "core/floor.h"
#include "core/result.h"
#include "experiments/experiment.h"
#include "experiments/results.h"

namespace smtni::experiments {

/// The floor of one placement: the raw cache-line ping-pong between the CPUs of the NI and of the
/// receiver, measured among what is compared with it.
class Ground {
 public:
  /// `placement` outlives this.
  Ground(const NamedPlacement& placement, const Request& request);

  /// Adds one measurement. What cannot be measured is not tried again.
  void measure(const Request& request);

  [[nodiscard]] const NamedPlacement& placement() const noexcept { return *placement_; }
  /// The median round trip of each measurement; empty where there is no floor.
  [[nodiscard]] const std::vector<double>& floors_ns() const noexcept { return floors_ns_; }

  /// "<placement>_<figure>", as the key of a figure of the run.
  [[nodiscard]] std::string key(std::string_view figure) const;
  /// The floor with its interval, or why there is none.
  [[nodiscard]] Field field(std::uint64_t seed) const;

 private:
  const NamedPlacement* placement_;
  Result<RawPingPong> ping_pong_;
  std::vector<double> floors_ns_;
};

/// Reorders `order` at random: the same for the same state of `random` on every machine, which
/// std::shuffle is not.
template <class Random>
void shuffle(std::vector<std::size_t>& order, Random& random) {
  for (std::size_t left = order.size(); left > 1; --left) {
    std::swap(order[left - 1], order[random() % left]);
  }
}

}  // namespace smtni::experiments
