#include "threads/fiber.h"

#include <cxxabi.h>

#include <cstdlib>
#include <cstring>
#include <utility>

#include "core/expect.h"
#include "threads/fault.h"

namespace smtni::threads {

Fiber::Fiber(const Stack& stack, const Entry& entry) noexcept
    : other_side_(smtni_prepare_context(stack.top(), run_entry, this)),
      entry_(entry),
      own_stack_(stack.usable()) {}

void Fiber::resume() noexcept {
  SMTNI_EXPECT_HOT(!has_ended_);
  void* const current = abi::__cxa_get_globals();
  ExceptionState resumers;
  std::memcpy(resumers.data(), current, sizeof(ExceptionState));
  std::memcpy(current, exceptions_.data(), sizeof(ExceptionState));
  resumer_move_.leave(own_stack_);
  identity_.enter();
  smtni_switch_context(&other_side_, other_side_);
  resumer_move_.arrive();
  std::memcpy(exceptions_.data(), current, sizeof(ExceptionState));
  std::memcpy(current, resumers.data(), sizeof(ExceptionState));
}

void Fiber::suspend() noexcept {
  own_move_.leave(resumer_stack_);
  identity_.leave();
  smtni_switch_context(&other_side_, other_side_);
  resumer_stack_ = own_move_.arrive();
}

void Fiber::run_entry(void* fiber) {
  Fiber& self = *static_cast<Fiber*>(fiber);
  self.resumer_stack_ = self.own_move_.arrive();
  run_guarded(self.entry_.name, [&self] { self.entry_.run(self.entry_.argument); });
  self.has_ended_ = true;
  internal::StackMove::leave_for_good(self.resumer_stack_);
  self.identity_.leave();
  smtni_switch_context(&self.other_side_, self.other_side_);
  std::abort();  // resume() checked that this fiber has not ended
}

namespace {

struct Call {
  void (*run)(void* argument) noexcept;
  void* argument;
  internal::StackMove callee_move;
};

// Arrives, calls, leaves: what AddressSanitizer has to hear on the other stack.
[[maybe_unused]] void run_call(void* call_pointer) {
  Call& call = *static_cast<Call*>(call_pointer);
  const std::span<const std::byte> callers_stack = call.callee_move.arrive();
  call.run(call.argument);
  internal::StackMove::leave_for_good(callers_stack);
}

}  // namespace

void run_on_stack(const Stack& stack, void (*run)(void* argument) noexcept,
                  void* argument) noexcept {
#if defined(SMTNI_WITH_ASAN)
  Call call{run, argument, {}};
  internal::StackMove caller_move;
  caller_move.leave(stack.usable());
  smtni_call_on_stack(&call, run_call, stack.top());
  caller_move.arrive();
#else
  smtni_call_on_stack(argument, run, stack.top());
#endif
}

}  // namespace smtni::threads
