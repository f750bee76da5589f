#pragma once

namespace smtni::threads {

/// Where a suspended computation's registers lie: on its own stack, which the pointer tops.
using StackPointer = void*;

extern "C" {

/// Leaves this computation and continues `to`; returns when somebody switches back to `*from`.
/// Keeps what a call must keep (System V x86-64 psABI 3.2.1, AAPCS64 6.1.1): callee-saved registers
/// and the floating-point control words. The signal mask is the thread's and stays.
/// COST: about 5 ns; no system call.
void smtni_switch_context(StackPointer* from, StackPointer to) noexcept;

/// A computation that enters `run(argument)` on an empty stack when first switched to.
/// REQUIRES: `top` is a multiple of 16; `run` never returns.
StackPointer smtni_prepare_context(void* top, void (*run)(void* argument), void* argument) noexcept;

/// Calls `run(argument)` on the stack below `top` and comes back. Unwinders and debuggers see
/// through the change of stacks. REQUIRES: `top` is a multiple of 16.
void smtni_call_on_stack(void* argument, void (*run)(void* argument), void* top) noexcept;
}

}  // namespace smtni::threads
