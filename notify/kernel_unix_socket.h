#pragma once

#include <memory>

#include "core/posix.h"
#include "notify/internal/blocking_wait.h"
#include "notify/mechanism.h"

namespace smtni::notify {

/// The receiver sleeps until a datagram comes over a UNIX socket pair; every notification sends
/// one.
class UnixSocket {
 public:
  static constexpr MechanismInfo kInfo{"kernel/unix-socket", Role::waits, "baseline",
                                       "the receiver sleeps in ppoll on a datagram socket pair"};

  static Result<std::unique_ptr<UnixSocket>> open(const Options&);

  /// Never blocks: a full queue is a wake-up already under way. COST: send().
  bool notify(const void* record) noexcept;

  /// COST: ppoll() and recv() for each sleep. Datagrams do not merge: those that came while the
  /// receiver was awake end as many later sleeps at once, up to net.unix.max_dgram_qlen of them.
  template <News N>
  Wake wait(const N& news, Deadline until) noexcept {
    return internal::wait_by(news, until, [&] { sleep(until); });
  }

 private:
  UnixSocket(Fd receiving, Fd sending) noexcept
      : receiving_(std::move(receiving)), sending_(std::move(sending)) {}

  void sleep(Deadline until) noexcept;

  Fd receiving_;
  Fd sending_;
};

}  // namespace smtni::notify
