#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/posix.h"
#include "core/result.h"
#include "core/units.h"

namespace smtni {

struct MemoryOptions {
  enum class Backing : std::uint8_t {
    process,  ///< anonymous pages of this process
    memfd,    ///< a sealed memory file that other processes can map by its descriptor
  };

  Bytes size;
  Backing backing = Backing::process;
  bool huge_pages = false;                 ///< 2 MiB pages, as far as the machine has them
  std::optional<int> node = std::nullopt;  ///< NUMA node that should hold the pages
  bool prefault = true;                    ///< no page fault later, in a measured region
};

/// Memory for rings, and what of the wishes came true.
struct Memory {
  enum class Pages : std::uint8_t {
    base,         ///< the processor's ordinary pages
    transparent,  ///< ordinary pages, aligned, and the kernel asked to make them huge
    huge,         ///< from the pool of huge pages
  };

  Mapping mapping;
  /// The memory file; closed for Backing::process. Its size can never change: the seals against
  /// growing, shrinking and further seals are set.
  Fd file;
  Pages pages = Pages::base;
  /// Where the first page lies, as far as the kernel tells and pages were faulted in.
  std::optional<int> node;
  /// What was wished for and not obtained, and why; empty when all was. One line.
  std::string note;
};

/// Zero-filled memory of at least the size, rounded up to whole pages of the kind obtained.
///
/// Huge pages come from the pool, else transparently, else not at all; a node is preferred, not
/// forced. What fails there is told in `note` and carried on without.
/// `invalid` when the size is zero or more than the machine gives.
/// COST: a handful of system calls, and with prefault the time to clear every page.
Result<Memory> allocate(const MemoryOptions& options);

}  // namespace smtni
