#include "notify/internal/cpu_features.h"

#include <string>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace smtni::notify::internal {

#if defined(__x86_64__)

namespace {

// Where CPUID leaf 7, subleaf 0 tells it.
struct Bit {
  const char* name;
  char output;  // 'B', 'C' or 'D': EBX, ECX or EDX
  int index;
};

Bit bit_of(Feature feature) {
  switch (feature) {
    case Feature::waitpkg:
      return {"WAITPKG", 'C', 5};
    case Feature::rtm:
      return {"RTM", 'B', 11};
    case Feature::uintr:
      return {"UINTR", 'D', 5};
  }
  return {};
}

bool is_set(Bit bit) {
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0) return false;
  const unsigned output = bit.output == 'B' ? b : bit.output == 'C' ? c : d;
  return ((output >> bit.index) & 1) != 0;
}

}  // namespace

Result<void> need(Feature feature) {
  const Bit bit = bit_of(feature);
  if (is_set(bit)) return {};
  return failure(Error::Kind::unsupported, std::string("the processor lacks ") + bit.name +
                                               " (CPUID.(7,0):E" + bit.output + "X[" +
                                               std::to_string(bit.index) + "] is 0)");
}

#else

Result<void> need(Feature) {
  return failure(Error::Kind::unsupported, "an instruction of x86-64 that this processor lacks");
}

#endif

}  // namespace smtni::notify::internal
