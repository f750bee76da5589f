#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "core/posix.h"
#include "notify/async_branch.h"
#include "notify/internal/signals.h"
#include "notify/mechanism.h"
#include "threads/stack.h"

namespace smtni::notify {

/// How managed run-times stop their threads: a safepoint reads one word of a page, and whoever
/// wants the thread takes the page's access rights away. The read then faults, the handler of the
/// fault gives the rights back and says so, and the safepoint branches. A safepoint costs nothing
/// but two loads of the receiver's own lines; a notification costs mprotect() and a fault.
///
/// Edge [page]: the notifier marks the notification pending before it takes the rights away, and
/// the receiver takes what is pending after it has given them back; the kernel orders the two. If
/// they are taken away before, the branch finds the notification; if after, the next safepoint
/// faults.
class PollPage {
 public:
  static constexpr MechanismInfo kInfo{
      "kernel/poll-page", Role::branches, "teaching case",
      "safepoints read a page that the notifier protects, as managed run-times do"};
  /// In one process at a time: a fault has only its address to tell whose it is.
  static constexpr std::size_t kMaxPages = 64;

  /// `would_block` when kMaxPages are open already.
  static Result<std::unique_ptr<PollPage>> open(const Options& options);
  ~PollPage();
  PollPage(const PollPage&) = delete;
  PollPage& operator=(const PollPage&) = delete;

  /// COST: a bus lock; mprotect() unless a notification is pending, which interrupts every
  /// processor that runs a thread of this process.
  bool notify(const void* record) noexcept;

  Result<void> arm(const Handler& handler) {
    state_.arm(handler);
    return {};
  }
  void disarm() noexcept { state_.disarm(); }

  void safepoint() noexcept {
    // relaxed: the value does not matter, only that it is read.
    const std::uint32_t touched = word_->load(std::memory_order_relaxed);
    asm volatile("" : : "r"(touched) : "memory");  // read now, and before the flag
    if (trap_.has_sprung.load(std::memory_order_relaxed)) [[unlikely]]
      branch();  // own thread
  }

  void compute(threads::Chain& chain) noexcept {
    chain.advance();
    safepoint();
  }

  void mask() noexcept { state_.mask(); }
  void unmask() noexcept { state_.unmask(); }

 private:
  // What the handler of a fault knows about one page.
  struct Trap {
    std::atomic<std::uintptr_t> page{0};  // 0: free
    std::atomic<bool> has_sprung{false};  // by a fault of the receiver, who resets it
  };

  PollPage(internal::SignalClaim claim, Mapping page, threads::Stack stack, Trap& trap) noexcept;

  static void on_fault(int signal, siginfo_t* info, void* machine_state);
  static Trap* trap_at(std::uintptr_t address) noexcept;
  static Trap* claim_trap(std::uintptr_t page) noexcept;

  void branch() noexcept;

  static Trap traps_[kMaxPages];

  internal::SignalClaim claim_;
  Mapping page_;
  const std::atomic<std::uint32_t>* word_;
  Trap& trap_;
  BranchState state_;
};

}  // namespace smtni::notify
