#pragma once

#include <memory>

#include "core/posix.h"
#include "notify/internal/blocking_wait.h"
#include "notify/mechanism.h"

namespace smtni::notify {

/// The receiver sleeps until its end of a pipe is readable; every notification writes one byte.
class Pipe {
 public:
  static constexpr MechanismInfo kInfo{"kernel/pipe", Role::waits, "baseline",
                                       "the receiver sleeps in ppoll on a pipe"};

  static Result<std::unique_ptr<Pipe>> open(const Options&);

  /// Never blocks: a full pipe is a wake-up already under way. COST: write().
  bool notify(const void* record) noexcept;

  /// COST: ppoll() and read() for each sleep.
  template <News N>
  Wake wait(const N& news, Deadline until) noexcept {
    return internal::wait_by(news, until, [&] { sleep(until); });
  }

 private:
  Pipe(Fd reading, Fd writing) noexcept
      : reading_(std::move(reading)), writing_(std::move(writing)) {}

  void sleep(Deadline until) noexcept;

  Fd reading_;
  Fd writing_;
};

}  // namespace smtni::notify
