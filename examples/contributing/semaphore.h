#pragma once

#include <semaphore.h>

#include <atomic>
#include <cerrno>
#include <memory>

#include "notify/mechanism.h"

namespace smtni::notify {

/// `kernel/semaphore`: the receiver blocks in sem_clockwait.
///
/// `pending_` is written by both sides. It is true from the first notification until the receiver
/// has taken its post, so that the semaphore never counts beyond one, however many notifications
/// come.
class Semaphore {
 public:
  static constexpr MechanismInfo kInfo{"kernel/semaphore", Role::waits, "baseline",
                                       "a POSIX semaphore; the receiver blocks in the kernel"};

  static Result<std::unique_ptr<Semaphore>> open(const Options& /*options*/) {
    return std::make_unique<Semaphore>();
  }

  Semaphore() noexcept { sem_init(&semaphore_, 0, 0); }
  ~Semaphore() { sem_destroy(&semaphore_); }
  Semaphore(const Semaphore&) = delete;
  Semaphore& operator=(const Semaphore&) = delete;

  /// COST: one atomic exchange; a system call when the receiver blocks.
  bool notify(const void* /*record*/) noexcept {
    // [pend] release: whoever clears the flag sees the news that was published before.
    if (!pending_.exchange(true, std::memory_order_release)) sem_post(&semaphore_);
    return true;
  }

  template <News N>
  Wake wait(const N& news, Deadline until) noexcept {
    const timespec moment = as_monotonic(until);
    while (!news()) {
      if (sem_clockwait(&semaphore_, CLOCK_MONOTONIC, &moment) == 0) {
        // [pend] acquire: a notification that found the flag set made no post, and must be seen
        // here.
        pending_.exchange(false, std::memory_order_acquire);
      } else if (errno == ETIMEDOUT) {
        return news() ? Wake::news : Wake::timed_out;
      }
    }
    return Wake::news;
  }

 private:
  sem_t semaphore_;
  std::atomic<bool> pending_{false};
};

static_assert(WaitMechanism<Semaphore>);

}  // namespace smtni::notify
