#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>

#include "notify/internal/blocking_wait.h"
#include "notify/mechanism.h"

namespace smtni::notify {

/// The receiver sleeps on a condition variable, as portable programs do.
class Condvar {
 public:
  static constexpr MechanismInfo kInfo{"kernel/condvar", Role::waits, "baseline",
                                       "the receiver sleeps on a condition variable"};

  static Result<std::unique_ptr<Condvar>> open(const Options&) {
    return std::make_unique<Condvar>();
  }

  /// COST: a mutex; a system call when the receiver sleeps.
  bool notify(const void* /*record*/) noexcept {
    {
      const std::lock_guard lock(mutex_);
      is_notified_ = true;
    }
    changed_.notify_one();
    return true;
  }

  template <News N>
  Wake wait(const N& news, Deadline until) noexcept {
    return internal::wait_by(news, until, [&] {
      std::unique_lock lock(mutex_);
      changed_.wait_until(lock, until, [&] { return is_notified_; });
      is_notified_ = false;
    });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_notified_ = false;  // under mutex_
};

}  // namespace smtni::notify
