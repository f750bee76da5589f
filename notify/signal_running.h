#pragma once

#include <signal.h>
#include <sys/types.h>

#include <atomic>
#include <memory>

#include "core/cpu.h"
#include "notify/async_branch.h"
#include "notify/internal/signals.h"
#include "notify/mechanism.h"
#include "threads/stack.h"

namespace smtni::notify {

/// What the operating system offers for an asynchronous branch: tgkill() to the computing thread,
/// on another processor a real inter-processor interrupt, then the kernel's entry, a signal frame,
/// the handler on an alternate stack, and sigreturn. The yardstick for all others.
///
/// A branch can come between any two instructions, so the handler must be async-signal-safe; one
/// that throws is reported all the same, but throwing allocates and may find the allocator busy.
///
/// mask() is a flag that the handler looks at and not a system call: a signal that finds it leaves
/// the notification pending, and unmask() looks for that. What is pending already when arm() or
/// unmask() is called runs the handler within that call, on the caller's stack.
///
/// A thread can be armed for one SignalRunning at a time, and must disarm() before it ends.
class SignalRunning {
 public:
  static constexpr MechanismInfo kInfo{"signal/running", Role::branches, "baseline",
                                       "tgkill interrupts the computing thread"};

  static Result<std::unique_ptr<SignalRunning>> open(const Options& options);
  /// REQUIRES: disarmed.
  ~SignalRunning();
  SignalRunning(const SignalRunning&) = delete;
  SignalRunning& operator=(const SignalRunning&) = delete;

  /// COST: a bus lock; tgkill() unless a notification is pending.
  bool notify(const void* record) noexcept;

  [[nodiscard]] Fallback expected() const noexcept { return state_.expected(); }
  [[nodiscard]] FallbackCounts fallbacks() const noexcept { return state_.fallbacks(); }

  /// Takes the calling thread's alternate signal stack and unblocks the signal, until disarm().
  /// `invalid` when this thread is armed for another SignalRunning.
  Result<void> arm(const Handler& handler);
  void disarm() noexcept;
  void safepoint() noexcept {}
  void compute(threads::Chain& chain) noexcept { chain.advance(); }
  void mask() noexcept { state_.mask(); }
  void unmask() noexcept { state_.unmask(); }

 private:
  SignalRunning(internal::SignalClaim claim, threads::Stack stack) noexcept
      : claim_(std::move(claim)), stack_(std::move(stack)) {}

  static void on_signal(int signal, siginfo_t* info, void* machine_state);

  internal::SignalClaim claim_;
  threads::Stack stack_;
  stack_t previous_stack_{};  // the receiver's, as is what follows
  bool was_blocked_ = false;
  BranchState state_;
  // Edge [armed]: arm() writes who the receiver is and then looks whether something is pending, by
  // an exchange; notify() marks it pending, by an exchange, and then reads who the receiver is. One
  // of the two sees the other. 0: nobody is armed.
  alignas(kCacheLine) std::atomic<pid_t> thread_{0};
};

}  // namespace smtni::notify
