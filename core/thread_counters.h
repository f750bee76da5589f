#pragma once

#include <sys/types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "core/posix.h"
#include "core/result.h"

namespace smtni {

/// What is counted about one thread.
enum class Counter : std::uint8_t {
  context_switches,
  cpu_migrations,
  page_faults,
  task_clock_ns,  ///< time on a CPU
  system_calls,   ///< entries by the tracepoint raw_syscalls:sys_enter
  cycles,
  instructions,
  cache_misses,
};

/// In the order of Counter: the key in results.
inline constexpr std::array<std::string_view, 8> kCounterNames = {
    "context_switches", "cpu_migrations", "page_faults",  "task_clock_ns",
    "system_calls",     "cycles",         "instructions", "cache_misses"};

/// Counters of one thread, user and kernel mode, from the kernel's performance events. They count
/// from open() on and are compared by difference.
///
/// Some are always missing somewhere (hardware events in virtual machines, all of them where
/// perf_event_paranoid forbids): then that one alone is `unsupported`, with the reason.
class ThreadCounters {
 public:
  /// Opens all counters for the thread `tid` of this process; 0 is the caller.
  static ThreadCounters open(pid_t tid = 0);

  /// The count since open(), or why this one cannot be counted.
  /// THREADS: any.
  /// COST: one system call, which `system_calls` and `task_clock_ns` of the same thread count too:
  /// between two readings of all N supported counters lie N such calls.
  [[nodiscard]] Result<std::uint64_t> read(Counter counter) const;

 private:
  explicit ThreadCounters(std::vector<Result<Fd>> events) noexcept : events_(std::move(events)) {}

  std::vector<Result<Fd>> events_;  // in the order of Counter
};

}  // namespace smtni
