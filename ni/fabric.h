#pragma once

#include <memory>

#include "core/result.h"
#include "core/units.h"

namespace smtni::ni {

class FabricState;

struct FabricOptions {
  /// Room for packets on their way from one node to another, in each direction; as much again for
  /// answers to one-sided operations.
  Bytes buffer = 256 * kKiB;
};

/// Joins interfaces of one process as if each were a host: every interface that starts on it is a
/// node, and packets go to the node that their target names. Between two nodes lies a lane in each
/// direction, which the sending NI writes and the receiving NI reads; so an experiment of two nodes
/// needs no second machine.
///
/// Answers travel beside requests, on a lane of their own: they are always taken in, so two nodes
/// that are full of each other's requests cannot stop each other.
///
/// THREADS: any, concurrently. The fabric may end before its interfaces.
class Fabric {
 public:
  /// Interfaces that may ever join, one after another or at once: numbers are not used again, lest
  /// a late packet reaches the wrong node.
  static constexpr unsigned kMaxNodes = 64;

  /// `invalid` for a buffer outside MessageRing's capacities.
  static Result<Fabric> create(const FabricOptions& options = {});

  /// What interfaces hold of it.
  [[nodiscard]] const std::shared_ptr<FabricState>& state() const noexcept { return state_; }

 private:
  explicit Fabric(std::shared_ptr<FabricState> state) noexcept : state_(std::move(state)) {}

  std::shared_ptr<FabricState> state_;
};

}  // namespace smtni::ni
