#pragma once

#include <pthread.h>
#include <sched.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/result.h"

namespace smtni::threads {

/// A named thread, on one processor or on any, that joins when destroyed. Faults of stacks that it
/// runs on are reported (threads/stack.h).
class PinnedThread {
 public:
  struct Options {
    std::string_view name;   ///< for debuggers and `top`; the first 15 bytes count
    std::optional<int> cpu;  ///< none: the scheduler's choice
  };

  /// Starts `body` on its processor. Where the thread may not be pinned it runs anyway, and note()
  /// tells why it is not where it should be.
  static Result<PinnedThread> start(const Options& options, std::function<void()> body);

  PinnedThread(PinnedThread&& other) noexcept;
  PinnedThread& operator=(PinnedThread&& other) noexcept;
  ~PinnedThread();

  /// Returns when the body has. Does nothing a second time.
  void join() noexcept;

  /// One line for the user, or empty: the thread is where it was asked to be.
  [[nodiscard]] const std::string& note() const noexcept { return note_; }

 private:
  PinnedThread(pthread_t handle, std::string note) noexcept
      : handle_(handle), note_(std::move(note)) {}

  std::optional<pthread_t> handle_;  // none: joined, or moved from
  std::string note_;
};

/// Undoes pin_this_thread() when destroyed. REQUIRES: destroyed by the thread that was pinned.
class PinRestore {
 public:
  PinRestore(PinRestore&& other) noexcept : before_(std::exchange(other.before_, std::nullopt)) {}
  PinRestore& operator=(PinRestore&& other) noexcept {
    std::swap(before_, other.before_);
    return *this;
  }
  ~PinRestore();

 private:
  friend Result<PinRestore> pin_this_thread(int cpu);
  explicit PinRestore(const cpu_set_t& before) noexcept : before_(before) {}

  std::optional<cpu_set_t> before_;
};

/// Keeps the calling thread on `cpu` for as long as the result lives.
[[nodiscard]] Result<PinRestore> pin_this_thread(int cpu);

}  // namespace smtni::threads
