#include "core/expect.h"

#include <cstdio>
#include <cstdlib>

namespace smtni {

void contract_broken(const char* condition, const char* file, int line) noexcept {
  std::fprintf(stderr, "smtni: %s:%d: the caller broke a contract: %s\n", file, line, condition);
  std::abort();
}

}  // namespace smtni
