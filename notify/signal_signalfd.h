#pragma once

#include <memory>

#include "core/posix.h"
#include "notify/internal/blocking_wait.h"
#include "notify/internal/signals.h"
#include "notify/mechanism.h"

namespace smtni::notify {

/// The receiver sleeps until a signal can be read from a signalfd; every notification sends one.
class Signalfd {
 public:
  static constexpr MechanismInfo kInfo{"signal/signalfd", Role::waits, "baseline",
                                       "the receiver sleeps in ppoll on a signalfd"};

  static Result<std::unique_ptr<Signalfd>> open(const Options&);

  /// COST: a bus lock; tgkill() unless a signal is under way.
  bool notify(const void* /*record*/) noexcept {
    receiver_.kick();
    return true;
  }

  /// COST: ppoll() and read() for each sleep.
  template <News N>
  Wake wait(const N& news, Deadline until) noexcept {
    receiver_.enlist();
    return internal::wait_by(news, until, [&] { sleep(until); });
  }

 private:
  Signalfd(internal::SignalClaim claim, Fd signals) noexcept
      : receiver_(std::move(claim)), signals_(std::move(signals)) {}

  void sleep(Deadline until) noexcept;

  internal::SignalledThread receiver_;
  Fd signals_;
};

}  // namespace smtni::notify
