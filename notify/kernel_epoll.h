#pragma once

#include <memory>

#include "core/posix.h"
#include "notify/internal/blocking_wait.h"
#include "notify/internal/readable.h"
#include "notify/mechanism.h"

namespace smtni::notify {

/// The receiver sleeps in an epoll set, as event loops do; every notification raises an eventfd
/// that is in it.
class Epoll {
 public:
  static constexpr MechanismInfo kInfo{"kernel/epoll", Role::waits, "baseline",
                                       "the receiver sleeps in epoll_pwait2 on an eventfd"};

  /// `unsupported` without epoll_pwait2 (Linux 5.11): the older calls round deadlines to
  /// milliseconds.
  static Result<std::unique_ptr<Epoll>> open(const Options&);

  /// COST: write().
  bool notify(const void* /*record*/) noexcept {
    counter_.raise();
    return true;
  }

  /// COST: epoll_pwait2() and read() for each sleep.
  template <News N>
  Wake wait(const N& news, Deadline until) noexcept {
    return internal::wait_by(news, until, [&] { sleep(until); });
  }

 private:
  Epoll(internal::EventCounter counter, Fd set) noexcept
      : counter_(std::move(counter)), set_(std::move(set)) {}

  void sleep(Deadline until) noexcept;

  internal::EventCounter counter_;
  Fd set_;
};

}  // namespace smtni::notify
