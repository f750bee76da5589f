#pragma once

/// \file
/// The processor's transactions, for sources compiled with -mrtm; elsewhere none ever starts.
///
/// An abort restores memory and registers to what they were at transaction_begin(), the stack with
/// them: also what functions wrote that have returned since, or been called since. To the program
/// it looks as if transaction_begin() had returned a second value *instead of* kTransactionStarted
/// and nothing after it had happened. So, unlike setjmp(), it asks nothing of the compiler:
/// whatever it kept in registers or memory at that point is there again.

#if defined(__RTM__)
#include <immintrin.h>
#endif

namespace smtni::notify::internal {

#if defined(__RTM__)

inline constexpr unsigned kTransactionStarted = _XBEGIN_STARTED;
inline constexpr unsigned kAbortedExplicitly = _XABORT_EXPLICIT;
inline constexpr unsigned kAbortMayRetry = _XABORT_RETRY;
inline constexpr unsigned kAbortedByConflict = _XABORT_CONFLICT;
inline constexpr unsigned kAbortedByCapacity = _XABORT_CAPACITY;

/// kTransactionStarted, or after an abort the bits above.
[[gnu::always_inline]] inline unsigned transaction_begin() noexcept { return _xbegin(); }
/// REQUIRES: in a transaction.
[[gnu::always_inline]] inline void transaction_commit() noexcept { _xend(); }
/// Does nothing outside a transaction.
[[gnu::always_inline]] inline void transaction_abort() noexcept { _xabort(0); }

#else

inline constexpr unsigned kTransactionStarted = ~0U;
inline constexpr unsigned kAbortedExplicitly = 1U << 0;
inline constexpr unsigned kAbortMayRetry = 1U << 1;
inline constexpr unsigned kAbortedByConflict = 1U << 2;
inline constexpr unsigned kAbortedByCapacity = 1U << 3;

inline unsigned transaction_begin() noexcept { return 0; }
inline void transaction_commit() noexcept {}
inline void transaction_abort() noexcept {}

#endif

}  // namespace smtni::notify::internal
