#pragma once

#include "core/deadline.h"
#include "core/posix.h"
#include "core/result.h"

namespace smtni::notify::internal {

/// Sleeps until something can be read from `descriptor`. False: `until` has passed, or a signal
/// came.
bool sleep_until_readable(int descriptor, Deadline until) noexcept;

/// A counter that can be polled: an eventfd that never blocks.
class EventCounter {
 public:
  static Result<EventCounter> open();

  /// Makes it readable. A counter at its limit is readable already.
  void raise() noexcept;
  /// Makes it unreadable until the next raise().
  void clear() noexcept;

  [[nodiscard]] int descriptor() const noexcept { return descriptor_.get(); }

 private:
  explicit EventCounter(Fd descriptor) noexcept : descriptor_(std::move(descriptor)) {}

  Fd descriptor_;
};

}  // namespace smtni::notify::internal
