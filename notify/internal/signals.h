#pragma once

#include <signal.h>
#include <sys/types.h>

#include <atomic>
#include <utility>

#include "core/cpu.h"
#include "core/result.h"

namespace smtni::notify::internal {

/// The signals that are this library's own, far from those that run-time systems take.
[[nodiscard]] inline int branch_signal() noexcept { return SIGRTMIN + 4; }
[[nodiscard]] inline int wake_signal() noexcept { return SIGRTMIN + 5; }

/// Sends `signal` to one thread of this process. A full queue of signals (RLIMIT_SIGPENDING) is
/// waited for, up to a thousand turns. THREADS: any. COST: tgkill().
void signal_thread(pid_t thread, int signal) noexcept;

/// Keeps a handler of this process installed for as long as a claim to its signal lives. The last
/// claim to go restores what was there before, unless somebody has put a handler on top since: that
/// one goes on calling ours.
///
/// THREADS: any. Handlers belong to the process, hence so does the count.
class SignalClaim {
 public:
  using Run = void (*)(int signal, siginfo_t* info, void* machine_state);

  /// REQUIRES: one signal always comes with the same `run`. `flags`: of sigaction, SA_SIGINFO
  /// added.
  static Result<SignalClaim> install(int signal, Run run, int flags);

  SignalClaim(SignalClaim&& other) noexcept : signal_(std::exchange(other.signal_, 0)) {}
  SignalClaim& operator=(SignalClaim&& other) noexcept {
    std::swap(signal_, other.signal_);
    return *this;
  }
  ~SignalClaim();

 private:
  explicit SignalClaim(int signal) noexcept : signal_(signal) {}

  int signal_;  // 0: none
};

/// From inside a claimed handler: treats the signal as if that handler were not there.
void pass_on(int signal, siginfo_t* info, void* machine_state) noexcept;

/// A receiver that sleeps until it is sent the wake signal, which it keeps blocked while awake.
///
/// The signal goes to a thread, so the receiver must have told which; and real-time signals queue,
/// so one is sent only when none is under way. Both by one hand-shake:
///
/// Edge [kick]: the notifier exchanges true after the news, and then reads who the thread is; the
/// receiver says who it is and exchanges false, and then looks. The later exchange reads the
/// earlier one, so either the look sees the news, or the notifier sees the thread.
class SignalledThread {
 public:
  explicit SignalledThread(SignalClaim claim) noexcept : claim_(std::move(claim)) {}

  /// For the wake signal, which must interrupt and do nothing else.
  static Result<SignalClaim> claim();

  /// THREADS: the notifier. COST: a bus lock; tgkill() unless a signal is under way.
  void kick() noexcept;

  /// Blocks the signal in the calling thread, for good, and sends it there from now on. Before the
  /// receiver looks. COST: two system calls at the first time, else nothing.
  void enlist() noexcept;
  /// After a sleep and before the receiver looks.
  void take() noexcept {
    is_under_way_.exchange(false, std::memory_order_seq_cst);  // [kick]
  }
  /// The signals that are to be blocked while the receiver sleeps. REQUIRES: enlist().
  [[nodiscard]] const sigset_t& mask_asleep() const noexcept { return mask_asleep_; }

 private:
  SignalClaim claim_;
  sigset_t mask_asleep_{};  // the receiver's, as is what follows
  bool is_enlisted_ = false;
  // Written by both sides.
  alignas(kCacheLine) std::atomic<bool> is_under_way_{false};
  std::atomic<pid_t> thread_{0};  // 0: not known yet
};

}  // namespace smtni::notify::internal
