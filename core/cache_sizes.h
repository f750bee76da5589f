#pragma once

#include <string>

#include "core/result.h"
#include "core/units.h"

namespace smtni {

/// The data caches of one CPU, as the kernel describes them.
struct CacheSizes {
  Bytes l1d;
  Bytes l2;
  Bytes last;  ///< the outermost one; the second where there is no third

  friend bool operator==(const CacheSizes&, const CacheSizes&) = default;
};

/// `unsupported` where the kernel does not describe a first and a second level, as in many
/// containers and on some AArch64 machines; `invalid` when what it says is malformed. `root` is
/// where sysfs is.
Result<CacheSizes> read_cache_sizes(int cpu, const std::string& root = "/sys");

}  // namespace smtni
