#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "core/result.h"
#include "notify/async_branch.h"
#include "notify/mechanism.h"
#include "threads/chain.h"
#include "threads/stack.h"

namespace smtni::notify {

/// What became of the transactions, by the processor's word (Intel SDM vol. 1, 16.3.5). Each that
/// began either committed or counts under one cause: begun = commits + aborts().
struct RtmCounts {
  std::uint64_t begun = 0;
  std::uint64_t commits = 0;

  std::uint64_t by_notification = 0;  ///< conflict, and the line is marked
  /// Conflict, and it is not. Also when the NI has asked for the line and its store is still to
  /// come: then the next transaction aborts for the notification itself.
  std::uint64_t by_other_conflict = 0;
  std::uint64_t by_capacity = 0;
  std::uint64_t by_explicit_abort = 0;  ///< the line was marked as the transaction began
  std::uint64_t by_other_cause = 0;     ///< an interrupt, a page fault, an instruction it cannot do

  std::uint64_t may_retry = 0;     ///< of all aborts: those that the processor would try again
  std::uint64_t untransacted = 0;  ///< times that work went on without a transaction

  [[nodiscard]] std::uint64_t aborts() const noexcept {
    return by_notification + by_other_conflict + by_capacity + by_explicit_abort + by_other_cause;
  }

  /// Calls visit(name, count) for each, as results name them.
  template <class Visit>
  void for_each(Visit visit) const {
    visit("transactions_begun", begun);
    visit("commits", commits);
    visit("aborts_by_notification", by_notification);
    visit("aborts_by_other_conflict", by_other_conflict);
    visit("aborts_by_capacity", by_capacity);
    visit("aborts_explicit", by_explicit_abort);
    visit("aborts_by_other_cause", by_other_cause);
    visit("aborts_that_may_retry", may_retry);
    visit("untransacted", untransacted);
  }
};

/// Paper 2, asynchronous branch, done by the processor: the thread computes inside hardware
/// transactions (Intel RTM) whose read set holds the notification line. The NI's store to the line
/// aborts the transaction: the processor itself restores memory and registers as they were at the
/// last safepoint and branches, here to the handler. Then the work since that safepoint is done
/// again.
///
/// The handler runs outside any transaction, on its own stack; mask, coalescing and re-entry are
/// BranchState's. Computation in a transaction must not have effects beyond memory and registers: a
/// system call aborts it, and it goes on untransacted.
///
/// Progress: after kAbortsInARow aborts without a commit in between, whatever their causes, work
/// goes on untransacted until the next safepoint, which polls the line as `async-branch/safepoint`
/// does.
class Rtm {
 public:
  static constexpr MechanismInfo kInfo{
      "async-branch/rtm", Role::branches, "paper 2",
      "the NI's store aborts the hardware transaction that the running thread computes in"};

  /// Advances of a Chain in one transaction: some 0.3 us. Fewer would pay more often for the start
  /// and the end of a transaction; more would lose more work to an abort, which undoes half a
  /// transaction on average, and reach other causes of aborts more often.
  static constexpr std::uint32_t kAdvancesInATransaction = 16;
  static constexpr std::uint32_t kAbortsInARow = 4;

  /// `unsupported` where the processor lacks RTM, or claims it and aborts every transaction, as it
  /// does when microcode or a hypervisor has switched TSX off.
  static Result<std::unique_ptr<Rtm>> open(const Options& options);

  Rtm(const Rtm&) = delete;
  Rtm& operator=(const Rtm&) = delete;
  /// REQUIRES: disarmed.
  ~Rtm() = default;

  /// COST: one line transfer.
  bool notify(const void* /*record*/) noexcept {
    state_.post();
    return true;
  }

  [[nodiscard]] Fallback expected() const noexcept { return state_.expected(); }
  [[nodiscard]] FallbackCounts fallbacks() const noexcept { return state_.fallbacks(); }

  Result<void> arm(const Handler& handler);
  /// Ends the transaction, if one is under way.
  void disarm() noexcept;

  /// Commits what has been computed, takes a pending notification, and begins the next transaction.
  void safepoint() noexcept;

  void compute(threads::Chain& chain) noexcept {
    chain.advance();
    if (++advances_ >= kAdvancesInATransaction) safepoint();
  }

  void mask() noexcept;
  void unmask() noexcept;

  /// THREADS: the receiver, or any once it has disarmed.
  [[nodiscard]] const RtmCounts& counts() const noexcept { return counts_; }

 private:
  explicit Rtm(threads::Stack stack) noexcept
      : state_(std::move(stack), BranchState::Taking::reads) {}

  void begin() noexcept;
  void commit() noexcept;
  void count_abort(unsigned status) noexcept;

  BranchState state_;
  // The receiver's own. What a transaction writes here is undone with the rest when it aborts.
  bool is_transacting_ = false;
  std::uint32_t advances_ = 0;
  std::uint32_t aborts_in_a_row_ = 0;
  RtmCounts counts_;
};

}  // namespace smtni::notify
