#include "core/thread_counters.h"

#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>

#include "core/internal/files.h"
#include "core/internal/tracepoint.h"

namespace smtni {
namespace {

struct Event {
  std::uint32_t type;
  std::uint64_t config;  ///< for tracepoints, found at run time
};

// In the order of Counter.
constexpr std::array<Event, kCounterNames.size()> kEvents = {{
    {PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CONTEXT_SWITCHES},
    {PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_MIGRATIONS},
    {PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS},
    {PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK},
    {PERF_TYPE_TRACEPOINT, 0},
    {PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES},
    {PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS},
    {PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES},
}};

// Whatever the error: a counter that cannot be opened is a finding about the machine.
tl::unexpected<Error> why_not(std::string_view name, const Event& event, int error_number) {
  std::string reason = "perf_event_open of " + std::string(name) + ": ";
  if (error_number == ENOENT && event.type == PERF_TYPE_HARDWARE) {
    reason += "the processor offers no hardware counters here, as in most virtual machines";
  } else {
    reason += std::generic_category().message(error_number);
  }
  if (error_number == EACCES || error_number == EPERM) {
    reason += " (perf_event_paranoid is " +
              internal::text_or("/proc/sys/kernel/perf_event_paranoid", "unknown") + ")";
  }
  return failure(Error::Kind::unsupported, std::move(reason));
}

Result<Fd> open_event(std::string_view name, Event event, pid_t tid) {
  if (event.type == PERF_TYPE_TRACEPOINT) {
    const auto id = internal::tracepoint_id("raw_syscalls/sys_enter");
    if (!id) return tl::unexpected(id.error());
    event.config = *id;
  }
  perf_event_attr attributes{};
  attributes.size = sizeof attributes;
  attributes.type = event.type;
  attributes.config = event.config;
  constexpr int kAnyCpu = -1;
  constexpr int kNoGroup = -1;
  Fd file(static_cast<int>(
      ::syscall(SYS_perf_event_open, &attributes, tid, kAnyCpu, kNoGroup, PERF_FLAG_FD_CLOEXEC)));
  if (!file.is_open()) return why_not(name, event, errno);
  return file;
}

}  // namespace

ThreadCounters ThreadCounters::open(pid_t tid) {
  std::vector<Result<Fd>> events;
  for (std::size_t index = 0; index < kEvents.size(); ++index) {
    events.push_back(open_event(kCounterNames[index], kEvents[index], tid));
  }
  return ThreadCounters(std::move(events));
}

Result<std::uint64_t> ThreadCounters::read(Counter counter) const {
  const Result<Fd>& event = events_[static_cast<std::size_t>(counter)];
  if (!event) return tl::unexpected(event.error());
  std::uint64_t count = 0;
  if (::read(event->get(), &count, sizeof count) != sizeof count) {
    return system_failure("read of a performance event", errno);
  }
  return count;
}

}  // namespace smtni
