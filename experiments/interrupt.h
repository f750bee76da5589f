#pragma once

#include <stop_token>
#include <thread>

#include "core/posix.h"
#include "core/result.h"

namespace smtni::experiments {

/// Turns the first SIGINT or SIGTERM into a stop request, so that threads are joined and nothing
/// partial is written; a second one ends the process at once.
///
/// The signals are blocked in this thread and in all that it starts later, and taken by a thread of
/// this object: no code runs in a signal handler. The mask is put back at the end.
class InterruptWatch {
 public:
  /// REQUIRES: the process has no other thread that takes these signals.
  static Result<InterruptWatch> start();

  InterruptWatch(InterruptWatch&&) noexcept = default;
  ~InterruptWatch();

  [[nodiscard]] std::stop_token token() const noexcept { return stop_.get_token(); }
  [[nodiscard]] bool came() const noexcept { return stop_.stop_requested(); }

 private:
  InterruptWatch(Fd signals, Fd end);

  std::stop_source stop_;
  Fd signals_;
  Fd end_;  // readable when the watching thread shall end
  std::thread watcher_;
};

}  // namespace smtni::experiments
