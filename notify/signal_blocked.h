#pragma once

#include <memory>

#include "notify/internal/blocking_wait.h"
#include "notify/internal/signals.h"
#include "notify/mechanism.h"

namespace smtni::notify {

/// The receiver sleeps in ppoll(), which unblocks a signal for exactly as long as it sleeps; every
/// notification sends that signal to it. Without the atomic unblocking a signal could come between
/// the last look and the sleep.
class SignalBlocked {
 public:
  static constexpr MechanismInfo kInfo{"signal/blocked", Role::waits, "baseline",
                                       "the receiver sleeps in ppoll until a signal interrupts it"};

  static Result<std::unique_ptr<SignalBlocked>> open(const Options&) {
    return internal::SignalledThread::claim().map([](internal::SignalClaim&& claim) {
      return std::unique_ptr<SignalBlocked>(new SignalBlocked(std::move(claim)));
    });
  }

  /// COST: a bus lock; tgkill() unless a signal is under way.
  bool notify(const void* /*record*/) noexcept {
    receiver_.kick();
    return true;
  }

  /// COST: ppoll() for each sleep.
  template <News N>
  Wake wait(const N& news, Deadline until) noexcept {
    receiver_.enlist();
    return internal::wait_by(news, until, [&] { sleep(until); });
  }

 private:
  explicit SignalBlocked(internal::SignalClaim claim) noexcept : receiver_(std::move(claim)) {}

  void sleep(Deadline until) noexcept;

  internal::SignalledThread receiver_;
};

}  // namespace smtni::notify
