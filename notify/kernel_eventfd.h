#pragma once

#include <memory>

#include "notify/internal/blocking_wait.h"
#include "notify/internal/readable.h"
#include "notify/mechanism.h"

namespace smtni::notify {

/// The receiver sleeps in ppoll() on an eventfd, which every notification raises.
class Eventfd {
 public:
  static constexpr MechanismInfo kInfo{"kernel/eventfd", Role::waits, "baseline",
                                       "the receiver sleeps in ppoll on an eventfd"};

  static Result<std::unique_ptr<Eventfd>> open(const Options&) {
    return internal::EventCounter::open().map([](internal::EventCounter&& counter) {
      return std::unique_ptr<Eventfd>(new Eventfd(std::move(counter)));
    });
  }

  /// COST: write().
  bool notify(const void* /*record*/) noexcept {
    counter_.raise();
    return true;
  }

  /// COST: ppoll() and read() for each sleep.
  template <News N>
  Wake wait(const N& news, Deadline until) noexcept {
    return internal::wait_by(news, until, [&] {
      if (internal::sleep_until_readable(counter_.descriptor(), until)) counter_.clear();
    });
  }

 private:
  explicit Eventfd(internal::EventCounter counter) noexcept : counter_(std::move(counter)) {}

  internal::EventCounter counter_;
};

}  // namespace smtni::notify
