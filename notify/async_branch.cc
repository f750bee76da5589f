#include "notify/async_branch.h"

#include <string_view>
#include <utility>

#include "core/expect.h"
#include "threads/fault.h"
#include "threads/fiber.h"

namespace smtni::notify {
namespace {

constexpr std::string_view kNobody = "none";

// [gate] keeps the compiler from moving accesses across; the interruptions that it guards against
// happen on this thread, which sees its own accesses in program order.
void in_program_order() noexcept { std::atomic_signal_fence(std::memory_order_seq_cst); }

}  // namespace

void BranchState::arm(const Handler& handler) noexcept {
  SMTNI_EXPECT(gate_.load(std::memory_order_relaxed) == Gate::disarmed);
  handler_ = handler;
  if (stack_) {
    stack_->rename(handler.name);
    threads::report_overruns_on_this_thread();
  }
  in_program_order();
  gate_.store(Gate::masked, std::memory_order_relaxed);  // relaxed: own thread, here and below
  open_gate();
}

void BranchState::disarm() noexcept {
  SMTNI_EXPECT(gate_.load(std::memory_order_relaxed) != Gate::handling);
  gate_.store(Gate::disarmed, std::memory_order_relaxed);
  in_program_order();
  if (stack_) stack_->rename(kNobody);  // the handler's name may not live longer
}

void BranchState::mask() noexcept {
  SMTNI_EXPECT_HOT(is_open());
  gate_.store(Gate::masked, std::memory_order_relaxed);
  in_program_order();
}

void BranchState::unmask() noexcept {
  SMTNI_EXPECT_HOT(gate_.load(std::memory_order_relaxed) == Gate::masked);
  if (is_pending()) [[unlikely]]
    count_masked();
  open_gate();
}

void BranchState::open_gate() noexcept {
  in_program_order();
  gate_.store(Gate::open, std::memory_order_relaxed);  // [gate] open …
  in_program_order();
  branch();  // … then look
}

void BranchState::branch() noexcept {
  if (!is_open()) return;
  bool is_again = false;
  // No bound: a flood of notifications holds the computation up, as the class comment says.
  do {
    gate_.store(Gate::handling, std::memory_order_relaxed);
    in_program_order();
    run_pending(is_again);
    is_again = true;
    in_program_order();
    gate_.store(Gate::open, std::memory_order_relaxed);  // [gate] open …
    in_program_order();
  } while (is_pending());  // … then look
}

// `is_again`: the handler has run since the gate was open, so what is pending was held back by it.
void BranchState::run_pending(bool is_again) noexcept {
  while (const std::uint64_t stamp = take()) {
    if (std::exchange(is_again, true)) count_masked();
    run_handler(TscInstant(stamp));
  }
}

// The stamp that was pending, or 0.
std::uint64_t BranchState::take() noexcept {
  // [post] acquire, both: the handler sees what the notifier wrote before.
  if (taking_ == Taking::empties) {
    return pending_.exchange(0, std::memory_order_seq_cst);  // seq_cst: see post_first()
  }
  const std::uint64_t stamp = pending_.load(std::memory_order_acquire);
  if (stamp == seen_) return 0;
  seen_ = stamp;
  return stamp;
}

void BranchState::run_handler(TscInstant notified) noexcept {
  struct Call {
    const Handler& handler;
    TscInstant notified;
  } call{handler_, notified};
  const auto run = [](void* argument) noexcept {
    const Call& to = *static_cast<Call*>(argument);
    threads::run_guarded(to.handler.name,
                         [&] { to.handler.run(to.handler.argument, to.notified); });
  };
  if (stack_) {
    threads::run_on_stack(*stack_, run, &call);
  } else {
    run(&call);
  }
}

}  // namespace smtni::notify
