#pragma once

#include <memory>
#include <utility>

#include "core/result.h"
#include "notify/async_branch.h"
#include "notify/mechanism.h"
#include "threads/chain.h"
#include "threads/stack.h"

namespace smtni::notify {

/// Paper 2, asynchronous branch, where the compiler or the user places the branch: the running
/// thread polls one line at safepoints, and the NI's store to it makes the next one branch. The
/// line carries the NI's time stamp. The handler runs on its own stack; mask, coalescing and
/// re-entry are BranchState's.
class Safepoint {
 public:
  static constexpr MechanismInfo kInfo{
      "async-branch/safepoint", Role::branches, "paper 2",
      "the running thread polls one line at safepoints and branches to its handler"};

  static Result<std::unique_ptr<Safepoint>> open(const Options& options);

  /// COST: one line transfer.
  bool notify(const void* /*record*/) noexcept {
    state_.post();
    return true;
  }

  void prepare() noexcept { state_.prepare(); }

  [[nodiscard]] Fallback expected() const noexcept { return state_.expected(); }
  [[nodiscard]] FallbackCounts fallbacks() const noexcept { return state_.fallbacks(); }

  Result<void> arm(const Handler& handler);
  void disarm() noexcept { state_.disarm(); }

  /// COST: a load that hits and a branch never taken, while nothing is pending.
  void safepoint() noexcept { state_.poll(); }

  void compute(threads::Chain& chain) noexcept {
    chain.advance();
    safepoint();
  }

  void mask() noexcept { state_.mask(); }
  void unmask() noexcept { state_.unmask(); }

 private:
  explicit Safepoint(threads::Stack stack) noexcept
      : state_(std::move(stack), BranchState::Taking::reads) {}

  BranchState state_;
};

}  // namespace smtni::notify
