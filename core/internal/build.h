#pragma once

#include <string>

namespace smtni::internal {

/// How this library was built; see the members of the same names in Environment.
struct Build {
  std::string compiler;
  std::string build_type;
  std::string commit;
  std::string sanitizers;
  bool hot_path_checks;
};

Build this_build();

}  // namespace smtni::internal
