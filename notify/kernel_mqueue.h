#pragma once

#include <mqueue.h>

#include <memory>

#include "notify/internal/blocking_wait.h"
#include "notify/mechanism.h"

namespace smtni::notify {

/// The receiver sleeps until a POSIX message queue holds something. The queue has room for one
/// message, so that notifications coalesce in it, and no name: it is unlinked as soon as it is
/// open.
class Mqueue {
 public:
  static constexpr MechanismInfo kInfo{"kernel/mqueue", Role::waits, "baseline",
                                       "the receiver sleeps in ppoll on a POSIX message queue"};

  /// `unsupported` where mq_open refuses: no mqueue file system, or RLIMIT_MSGQUEUE used up.
  static Result<std::unique_ptr<Mqueue>> open(const Options&);
  ~Mqueue();
  Mqueue(const Mqueue&) = delete;
  Mqueue& operator=(const Mqueue&) = delete;

  /// Never blocks: a full queue is a wake-up already under way. COST: mq_send().
  bool notify(const void* record) noexcept;

  /// COST: ppoll() and mq_receive() for each sleep.
  template <News N>
  Wake wait(const N& news, Deadline until) noexcept {
    return internal::wait_by(news, until, [&] { sleep(until); });
  }

 private:
  explicit Mqueue(mqd_t queue) noexcept : queue_(queue) {}

  void sleep(Deadline until) noexcept;

  mqd_t queue_;
};

}  // namespace smtni::notify
