#include "experiments/ground.h"

#include <algorithm>

#include "experiments/statistics.h"

namespace smtni::experiments {

Ground::Ground(const NamedPlacement& placement, const Request& request)
    : placement_(&placement),
      ping_pong_(RawPingPong::open(placement.cpus.ni, placement.cpus.receiver, request.seed)) {}

void Ground::measure(const Request& request) {
  if (!ping_pong_) return;
  if (const auto floor = ping_pong_->measure()) {
    floors_ns_.push_back(request.clock.nanoseconds(floor->p50));
  } else {
    ping_pong_ = tl::unexpected(floor.error());
  }
}

std::string Ground::key(std::string_view figure) const {
  std::string key = placement_->name + "_" + std::string(figure);
  std::replace(key.begin(), key.end(), '-', '_');
  return key;
}

Field Ground::field(std::uint64_t seed) const {
  if (!floors_ns_.empty()) return {key("floor_round_trip_ns"), median_estimate(floors_ns_, {seed})};
  return {key("floor_round_trip_ns"),
          Absent{ping_pong_ ? "no repetition ended" : ping_pong_.error().what}};
}

}  // namespace smtni::experiments
