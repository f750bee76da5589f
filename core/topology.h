#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/result.h"

namespace smtni {

/// One processor that Linux schedules on, and what it shares with others: two processors share a
/// core, cache or package when their numbers for it are equal. Core, LLC and package are numbered
/// by the lowest CPU in them, so that the numbers are unique in the whole machine.
struct Processor {
  int cpu = 0;
  int core = 0;     ///< SMT siblings share it
  int llc = 0;      ///< last-level cache; the package where the kernel does not describe caches
  int package = 0;  ///< socket
  int node = 0;     ///< NUMA node as the kernel numbers it; 0 where it has none

  friend bool operator==(const Processor&, const Processor&) = default;
};

struct TopologyOptions {
  /// Where sysfs is. Tests put recorded trees here.
  std::string root = "/sys";
  /// The CPUs to keep. Nothing: this process's affinity mask with the real sysfs, else all online.
  std::optional<std::vector<int>> allowed = std::nullopt;
};

/// The processors that this process may use, as the kernel describes them.
class Topology {
 public:
  /// `invalid` when a file of sysfs is malformed or contradicts itself, or when no allowed CPU is
  /// online; `unsupported` when sysfs does not list the CPUs at all.
  static Result<Topology> read(const TopologyOptions& options = {});

  /// In ascending order of `cpu`; at least one.
  [[nodiscard]] std::span<const Processor> processors() const noexcept { return processors_; }

  /// Nothing when `cpu` is offline or not allowed.
  [[nodiscard]] const Processor* find(int cpu) const noexcept;

  /// The other allowed CPUs of the same core. REQUIRES: find(cpu).
  [[nodiscard]] std::vector<int> smt_siblings(int cpu) const;

  /// The number of different values of one member: `count(&Processor::core)` is the number of
  /// cores.
  [[nodiscard]] int count(int Processor::*member) const;

 private:
  explicit Topology(std::vector<Processor> processors) noexcept
      : processors_(std::move(processors)) {}

  std::vector<Processor> processors_;
};

}  // namespace smtni
