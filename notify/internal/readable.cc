#include "notify/internal/readable.h"

#include <poll.h>
#include <sys/eventfd.h>

#include <cerrno>
#include <cstdint>

namespace smtni::notify::internal {

bool sleep_until_readable(int descriptor, Deadline until) noexcept {
  pollfd watched{descriptor, POLLIN, 0};
  const timespec left = time_left(until);
  return ppoll(&watched, 1, &left, nullptr) > 0;
}

Result<EventCounter> EventCounter::open() {
  Fd descriptor(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!descriptor.is_open()) return system_failure("eventfd", errno);
  return EventCounter(std::move(descriptor));
}

void EventCounter::raise() noexcept { (void)eventfd_write(descriptor(), 1); }

void EventCounter::clear() noexcept {
  eventfd_t count = 0;
  (void)eventfd_read(descriptor(), &count);
}

}  // namespace smtni::notify::internal
