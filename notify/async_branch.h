#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <optional>
#include <utility>

#include "core/cpu.h"
#include "core/tsc_clock.h"
#include "notify/mechanism.h"
#include "threads/stack.h"

namespace smtni::notify {

/// What every asynchronous branch shares (paper 2): the line that the NI marks, the mask, and the
/// branch itself. A mechanism adds only how the running thread comes to call branch(): by a poll,
/// an aborted transaction, a user interrupt, a signal.
///
/// The pending line: 0, or the time stamp of the latest notification, each larger than the one
/// before. How the receiver takes a stamp is the mechanism's choice:
///
///   reads    it remembers the stamp and never writes the line: one line transfer a notification
///   empties  it exchanges the line to 0, so that the notifier can tell whether one is pending
///
/// The gate: who may branch. Written by the receiver alone, that is by its computation and by
///   whatever interrupts the computation on the same thread (signal or user-interrupt handler), and
///   decided on there; the notifier may look, which tells it a likelihood.
///
///   gate      | meaning                                            | left by
///   disarmed  | no handler; notifications stay pending             | arm()
///   open      | branch() runs the handler                          | mask(), branch(), disarm()
///   masked    | the receiver holds branches back                   | unmask(), disarm()
///   handling  | the handler runs                                   | the end of branch()
///
/// Edges:
///   [post]  post() stores a stamp with release; branch() takes it with acquire. Whatever the
///           notifier wrote before, the handler sees. A stamp stored after the taking differs from
///           the one taken, and the check that follows finds it; stamps stored before it coalesce.
///   [gate]  open the gate, then look at the pending line: an interruption before the opening
///           leaves its stamp for the look, and one after it runs the handler itself. Both happen
///           on one thread, so the compiler's order is all that is needed.
///
/// Re-entry: the handler never nests. Inside it branch() does nothing, so a safepoint or a signal
/// there is harmless, and what arrives meanwhile branches once more after it returns. It must call
/// neither mask(), unmask(), arm() nor disarm(). A flood of notifications can therefore keep the
/// computation from proceeding, as interrupts can; only the notifier bounds that.
class BranchState {
 public:
  enum class Taking : std::uint8_t { reads, empties };

  /// Handlers run on the stack that branch() is called on.
  BranchState() noexcept = default;
  /// Handlers run on `stack`, so that they cannot overrun the computation's.
  explicit BranchState(threads::Stack stack, Taking taking = Taking::empties) noexcept
      : taking_(taking), stack_(std::move(stack)) {}

  BranchState(const BranchState&) = delete;
  BranchState& operator=(const BranchState&) = delete;

  // The notifier's side.

  /// Marks the line. THREADS: one notifier at a time. COST: one line transfer.
  void post() noexcept {
    posted_ = std::max(stamp_now(), posted_ + 1);
    // [post] release: the handler sees what was written before.
    pending_.store(posted_, std::memory_order_release);
  }

  /// Asks for the line that post() will write, so that its transfer overlaps with other work.
  void prepare() const noexcept { prefetch_for_write(&pending_); }

  /// The same; true when nothing was pending, that is when nobody else is already kicking the
  /// receiver. For mechanisms whose kick is dear. COST: as post(), and a bus lock.
  [[nodiscard]] bool post_first() noexcept {
    // [post], and seq_cst: a notifier that then looks whether it must kick at all, and a receiver
    // that arms and then looks here, must not both miss each other.
    return pending_.exchange(stamp_now(), std::memory_order_seq_cst) == 0;
  }

  /// Masked, if the gate holds branches back at this moment. THREADS: any. COST: a load of
  /// the receiver's own line.
  [[nodiscard]] Fallback expected() const noexcept {
    const Gate gate = gate_.load(std::memory_order_relaxed);  // relaxed: a hint
    return gate == Gate::masked || gate == Gate::handling ? Fallback::masked : Fallback::none;
  }

  /// How often something was pending when a mask, or a handler, ended. THREADS: any.
  [[nodiscard]] FallbackCounts fallbacks() const noexcept {
    return {.masked = masked_.load(std::memory_order_relaxed)};  // relaxed: a statistic
  }

  // The receiver's side; all of it on the one thread that armed.

  /// Sets the handler, gives this thread an alternate signal stack on which an overrun of the
  /// handler's stack is reported, and opens the gate; what is already pending branches now.
  /// REQUIRES: disarmed.
  void arm(const Handler& handler) noexcept;

  /// No handler runs after this returns; notifications stay pending. Does nothing if disarmed.
  void disarm() noexcept;

  /// A hint: something is pending, masked or not. COST: one load and no ordering.
  [[nodiscard]] bool is_pending() const noexcept {
    // Relaxed: only take() decides.
    return pending_.load(std::memory_order_relaxed) != seen_;
  }

  /// Runs the handler until nothing is pending, unless the gate is not open. Async-signal-safe as
  /// far as the handler is.
  void branch() noexcept;

  /// The two of them: about free while nothing is pending.
  void poll() noexcept {
    if (is_pending()) [[unlikely]]
      branch();
  }

  /// Holds branches back. REQUIRES: open.
  void mask() noexcept;
  /// Lets them in again; a pending one happens before this returns. REQUIRES: masked.
  void unmask() noexcept;

  /// Armed, not masked, and not in the handler.
  [[nodiscard]] bool is_open() const noexcept {
    return gate_.load(std::memory_order_relaxed) == Gate::open;  // relaxed: own thread
  }

  /// The pending line itself, for a mechanism that watches it by other means than poll().
  [[nodiscard]] const std::atomic<std::uint64_t>& line() const noexcept { return pending_; }

 private:
  enum class Gate : std::uint8_t { disarmed, open, masked, handling };
  static_assert(std::atomic<Gate>::is_always_lock_free, "interruptions of the same thread use it");

  // Never 0: that means "nothing".
  static std::uint64_t stamp_now() noexcept { return TscClock::now().reading() | 1; }

  std::uint64_t take() noexcept;
  void run_handler(TscInstant notified) noexcept;
  void run_pending(bool is_again) noexcept;
  void open_gate() noexcept;
  void count_masked() noexcept {
    // relaxed: a statistic. One thread writes it, and never where it can be interrupted by itself.
    masked_.store(masked_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }

  // The notifier's own: its latest stamp.
  alignas(kLinePair) std::uint64_t posted_ = 0;
  // Written by the notifier, polled by the receiver.
  alignas(kLinePair) std::atomic<std::uint64_t> pending_{0};
  // The receiver's own.
  alignas(kLinePair) std::atomic<Gate> gate_{Gate::disarmed};
  std::uint64_t seen_ = 0;  // the latest stamp taken by reading
  std::atomic<std::uint64_t> masked_{0};
  Taking taking_ = Taking::empties;
  Handler handler_{};
  std::optional<threads::Stack> stack_;  // without: the stack of the caller of branch()
};

}  // namespace smtni::notify
