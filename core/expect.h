#pragma once

namespace smtni {

/// Prints the broken contract and aborts.
[[noreturn]] void contract_broken(const char* condition, const char* file, int line) noexcept;

}  // namespace smtni

/// Checks a contract that the caller must keep; aborts with its text. On in every build.
#define SMTNI_EXPECT(condition) \
  ((condition) ? void(0) : ::smtni::contract_broken(#condition, __FILE__, __LINE__))

/// The same on the hot path: left out of the measured build.
#ifdef SMTNI_MEASURED_BUILD
#define SMTNI_EXPECT_HOT(condition) void(0)
#else
#define SMTNI_EXPECT_HOT(condition) SMTNI_EXPECT(condition)
#endif
