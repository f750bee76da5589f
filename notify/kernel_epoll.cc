#include "notify/kernel_epoll.h"

#include <sys/epoll.h>

#include <cerrno>

namespace smtni::notify {

Result<std::unique_ptr<Epoll>> Epoll::open(const Options&) {
  Result<internal::EventCounter> counter = internal::EventCounter::open();
  if (!counter) return tl::unexpected(counter.error());
  Fd set(epoll_create1(EPOLL_CLOEXEC));
  if (!set.is_open()) return system_failure("epoll_create1", errno);
  epoll_event event{};
  event.events = EPOLLIN;
  if (epoll_ctl(set.get(), EPOLL_CTL_ADD, counter->descriptor(), &event) != 0) {
    return system_failure("epoll_ctl", errno);
  }
  const timespec at_once{0, 0};
  if (epoll_pwait2(set.get(), &event, 1, &at_once, nullptr) < 0) {
    return system_failure("epoll_pwait2", errno);
  }
  return std::unique_ptr<Epoll>(new Epoll(std::move(*counter), std::move(set)));
}

void Epoll::sleep(Deadline until) noexcept {
  epoll_event event{};
  const timespec left = time_left(until);
  if (epoll_pwait2(set_.get(), &event, 1, &left, nullptr) > 0) counter_.clear();
}

}  // namespace smtni::notify
