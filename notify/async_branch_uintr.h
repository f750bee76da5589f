#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "core/posix.h"
#include "core/result.h"
#include "notify/async_branch.h"
#include "notify/internal/uintr_entry.h"
#include "notify/mechanism.h"
#include "threads/chain.h"
#include "threads/stack.h"

namespace smtni::notify {

/// Paper 2, asynchronous branch, by user interrupts: the NI executes SENDUIPI, and the processor
/// takes the running thread to its handler wherever it is, without the kernel. If the thread is not
/// on a processor the interrupt waits until it is.
///
/// It needs a processor with UINTR and Intel's kernel tree (no released kernel has the calls; their
/// numbers are that tree's, 471 and up, and not reserved). The handler runs on its own stack, with
/// all of the computation's registers saved; mask, coalescing and re-entry are BranchState's.
///
/// One armed Uintr a thread: the kernel keeps one handler for each. A notifying thread is
/// registered as a sender at its first notification; should the kernel refuse (256 targets a
/// process), the notification stays pending until the next safepoint().
///
/// Edge [arm]: arm() publishes the target by a read-modify-write and then looks at the pending line
/// by one; notify() marks the line by one and then looks for the target. One of them sees the
/// other.
class Uintr {
 public:
  static constexpr MechanismInfo kInfo{"async-branch/uintr", Role::branches, "paper 2",
                                       "SENDUIPI interrupts the running thread without the kernel"};

  /// `unsupported` where compiler, processor or kernel lack user interrupts.
  static Result<std::unique_ptr<Uintr>> open(const Options& options);

  Uintr(const Uintr&) = delete;
  Uintr& operator=(const Uintr&) = delete;
  /// REQUIRES: disarmed.
  ~Uintr() = default;

  /// COST: one line transfer and SENDUIPI; two system calls the first time in each thread.
  bool notify(const void* /*record*/) noexcept {
    if (state_.post_first()) interrupt();
    return true;
  }

  [[nodiscard]] Fallback expected() const noexcept { return state_.expected(); }
  [[nodiscard]] FallbackCounts fallbacks() const noexcept { return state_.fallbacks(); }

  Result<void> arm(const Handler& handler);
  void disarm() noexcept;

  /// The thread may branch anywhere; this is only for a notification that could not interrupt.
  void safepoint() noexcept { state_.poll(); }

  /// Does not poll, so that what is measured is the interrupt.
  void compute(threads::Chain& chain) noexcept { chain.advance(); }

  void mask() noexcept { state_.mask(); }
  void unmask() noexcept { state_.unmask(); }

 private:
  Uintr(threads::Stack stack, Mapping saved) noexcept;

  void interrupt() noexcept;

  BranchState state_;
  Mapping saved_;  // the interrupted computation's extended registers
  internal::UintrReceiver receiver_;
  Fd vector_;
  // Whom notify() interrupts: a number never used again, and in the low half the descriptor of the
  // receiver's vector. 0: nobody. Written by the receiver.
  std::atomic<std::uint64_t> target_{0};
};

}  // namespace smtni::notify
