#pragma once

#include <atomic>
#include <memory>

#include "core/cpu.h"
#include "notify/async_branch.h"
#include "notify/mechanism.h"
#include "threads/stack.h"

namespace smtni::notify {

/// An asynchronous branch without a signal frame: the receiver computes inside a restartable
/// sequence, and the notifier's membarrier() makes the kernel abort it, that is, continue it at
/// another program counter. Registers are lost with the place, so the sequence must be one that can
/// start over: here one advance of the chain, whose result is stored after the sequence.
///
/// The sequence begins by reading the pending line. A notification whose interruption misses it,
/// because the receiver was elsewhere or has changed processors, is found by the next one.
///
/// rseq(2), membarrier(2): Desnoyers and others, Linux 4.18 and 5.10; the registration is glibc's.
class RseqAbort {
 public:
  static constexpr MechanismInfo kInfo{
      "kernel/rseq-abort", Role::branches, "teaching case",
      "membarrier aborts the restartable sequence that the thread computes in"};

  /// `unsupported` on other processors than x86-64, where glibc has not registered the thread for
  /// restartable sequences, or where the kernel lacks the membarrier command.
  static Result<std::unique_ptr<RseqAbort>> open(const Options& options);

  /// COST: a bus lock; membarrier() unless a notification is pending, which interrupts the
  /// receiver's processor and waits for it.
  bool notify(const void* record) noexcept;

  [[nodiscard]] Fallback expected() const noexcept { return state_.expected(); }
  [[nodiscard]] FallbackCounts fallbacks() const noexcept { return state_.fallbacks(); }

  Result<void> arm(const Handler& handler);
  void disarm() noexcept;
  void safepoint() noexcept { state_.poll(); }
  /// Starts over for as long as anything aborts it: notifications, other signals, the end of a time
  /// slice. All are rarer by far than the 20 ns that it takes.
  void compute(threads::Chain& chain) noexcept;
  void mask() noexcept { state_.mask(); }
  void unmask() noexcept { state_.unmask(); }

 private:
  static constexpr int kNobody = -1;

  explicit RseqAbort(threads::Stack stack) noexcept : state_(std::move(stack)) {}

  void publish_cpu() noexcept;

  BranchState state_;
  int last_cpu_ = kNobody;  // the receiver's own copy of cpu_
  // Edge [armed]: arm() says where the receiver runs and then looks whether something is pending,
  // by an exchange; notify() marks it pending, by an exchange, and then reads where the receiver
  // runs. Written by the receiver when it has moved: a hint.
  alignas(kCacheLine) std::atomic<int> cpu_{kNobody};
};

}  // namespace smtni::notify
