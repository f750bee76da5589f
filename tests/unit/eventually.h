#pragma once

#include <sched.h>

#include <chrono>

#include "core/deadline.h"

namespace smtni {

/// Waits until `condition()` holds; false after a patience far beyond any honest value.
template <class Condition>
[[nodiscard]] bool eventually(Condition condition) {
  const Deadline until = in(std::chrono::seconds(30));
  while (!condition()) {
    if (has_passed(until)) return false;
    ::sched_yield();
  }
  return true;
}

}  // namespace smtni
