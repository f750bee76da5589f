#pragma once

#include "notify/mechanism.h"

namespace smtni::notify::internal {

/// The wait of every mechanism whose receiver sleeps in the kernel: look, and sleep between looks.
///
/// sleep() returns when a notification came after the previous sleep() returned, or at `until`, or
/// for no reason. It takes the notification back before it returns, so that the look that follows
/// sees the news of every notification that was taken: that is why none is lost.
template <News N, class Sleep>
Wake wait_by(const N& news, Deadline until, Sleep&& sleep) noexcept {
  for (;;) {
    if (news()) return Wake::news;
    if (has_passed(until)) return Wake::timed_out;
    sleep();
  }
}

}  // namespace smtni::notify::internal
