#include "core/internal/build.h"

// Defines SMTNI_COMMIT; written anew by each build whose sources are at another commit.
#include "smtni_commit.h"

#if defined(__has_feature)
#define SMTNI_HAS_FEATURE(feature) __has_feature(feature)
#else
#define SMTNI_HAS_FEATURE(feature) 0
#endif

namespace smtni::internal {
namespace {

#if defined(__SANITIZE_ADDRESS__) || SMTNI_HAS_FEATURE(address_sanitizer)
constexpr const char* kSanitizers = "address";
#elif defined(__SANITIZE_THREAD__) || SMTNI_HAS_FEATURE(thread_sanitizer)
constexpr const char* kSanitizers = "thread";
#else
constexpr const char* kSanitizers = "none";
#endif

#if defined(__clang__)
constexpr const char* kCompiler = __VERSION__;  // begins with its name
#else
constexpr const char* kCompiler = "GCC " __VERSION__;
#endif

#ifdef SMTNI_MEASURED_BUILD
constexpr bool kHotPathChecks = false;
#else
constexpr bool kHotPathChecks = true;
#endif

}  // namespace

Build this_build() {
  return {.compiler = kCompiler,
          .build_type = SMTNI_BUILD_TYPE,
          .commit = SMTNI_COMMIT,
          .sanitizers = kSanitizers,
          .hot_path_checks = kHotPathChecks};
}

}  // namespace smtni::internal
