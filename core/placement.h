#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "core/topology.h"

namespace smtni {

/// How two processors lie to each other. Every pair has exactly one shape; nearer ones come first.
enum class Shape : std::uint8_t {
  smt_sibling,  ///< different CPUs of one core
  same_llc,     ///< different cores that share the last-level cache
  same_node,    ///< different last-level caches of one NUMA node
  cross_node,   ///< different NUMA nodes
  same_cpu,     ///< one CPU: both sides take turns on it
};

/// In the order of Shape: the one spelling, everywhere.
inline constexpr std::array<std::string_view, 5> kPlacementNames = {
    "smt-sibling", "same-llc", "same-node", "cross-node", "same-cpu"};

[[nodiscard]] Shape shape_of(const Processor& a, const Processor& b) noexcept;

/// A placement made concrete: the CPU of each role.
struct RoleCpus {
  int sender = 0;
  int ni = 0;
  int receiver = 0;
  /// For spawned contexts, best first; never empty. The first is the receiver's CPU, so that a
  /// placement means the same for a context as for a waiting receiver.
  std::vector<int> contexts = {};

  friend bool operator==(const RoleCpus&, const RoleCpus&) = default;
};

/// Where the roles shall run. A named placement is a shape, the one that the NI and the receiver
/// lie in, and becomes concrete on a given machine:
///
///   sender    a CPU of its own on a core of its own, nearest to the NI; else any CPU of its own;
///             else the NI's CPU, where an inline NI makes the two one thread
///   contexts  the receiver's CPU, then every CPU without a role, nearest to the NI first
class Placement {
 public:
  static Placement smt_sibling() noexcept { return Placement(Choice::shape, Shape::smt_sibling); }
  static Placement same_llc() noexcept { return Placement(Choice::shape, Shape::same_llc); }
  static Placement same_node() noexcept { return Placement(Choice::shape, Shape::same_node); }
  static Placement cross_node() noexcept { return Placement(Choice::shape, Shape::cross_node); }
  static Placement same_cpu() noexcept { return Placement(Choice::shape, Shape::same_cpu); }

  /// The first shape that the machine has, in the order of Shape; always resolves.
  static Placement nearest() noexcept { return Placement(Choice::nearest, Shape::same_cpu); }

  /// Exactly these CPUs. Without contexts, the receiver's CPU serves them.
  static Placement at(RoleCpus cpus);

  /// One of kPlacementNames or "nearest"; `invalid`, naming these, for anything else.
  static Result<Placement> named(std::string_view name);

  /// "smt-sibling", …, "nearest"; "custom" for given CPUs.
  [[nodiscard]] std::string_view name() const noexcept;

  /// `unsupported`, with the reason, when the machine has no such pair; `invalid` when a given CPU
  /// is not in the topology.
  [[nodiscard]] Result<RoleCpus> resolve(const Topology& topology) const;

 private:
  enum class Choice : std::uint8_t { shape, nearest, given };

  Placement(Choice choice, Shape shape) noexcept : choice_(choice), shape_(shape) {}

  Choice choice_;
  Shape shape_;
  RoleCpus given_;
};

/// Placement::named(name), resolved.
Result<RoleCpus> place(std::string_view name, const Topology& topology);

/// The named placements that this machine has, nearest first; same-cpu is always there.
std::vector<Placement> available_placements(const Topology& topology);

/// The CPU for the NI of a receiver that stays where it is: its SMT sibling, else another CPU of
/// the same LLC, else of the same node, else any other, else the same. `invalid` when the topology
/// does not have `receiver_cpu`.
Result<int> ni_cpu_for(int receiver_cpu, const Topology& topology);

}  // namespace smtni
