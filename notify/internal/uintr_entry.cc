#include "notify/internal/uintr_entry.h"

#if defined(__UINTR__)
#include <cpuid.h>
#include <x86gprintrin.h>
#endif

#if defined(__clang__)
// It warns that the called function may use any register: that is what XSAVE is for.
#pragma clang diagnostic ignored "-Winterrupt-service-routine"
#endif

namespace smtni::notify::internal {

#if defined(__UINTR__)

namespace {

// initial-exec: reading it must not call the dynamic linker, which may use vector registers.
[[gnu::tls_model("initial-exec")]] constinit thread_local UintrReceiver* current_receiver = nullptr;

// The processor has pushed a frame below the red zone and holds further user interrupts back until
// UIRET. What is called from here may use any register: the compiler saves the general ones, and
// XSAVE the rest. Not instrumented: a sanitizer's call before XSAVE would destroy them.
__attribute__((interrupt, no_sanitize("thread", "address", "undefined"))) void enter(
    __uintr_frame* /*frame*/, unsigned long long /*vector*/) {
  constexpr unsigned kEverything = ~0U;
  UintrReceiver* const receiver = current_receiver;
  asm volatile("xsave64 (%0)" ::"r"(receiver->saved), "a"(kEverything), "d"(kEverything)
               : "memory");
  receiver->branch(receiver->argument);
  asm volatile("xrstor64 (%0)" ::"r"(receiver->saved), "a"(kEverything), "d"(kEverything)
               : "memory");
}

}  // namespace

bool has_uintr_instructions() noexcept { return true; }
void set_uintr_receiver(UintrReceiver* receiver) noexcept { current_receiver = receiver; }
const void* uintr_entry_point() noexcept { return reinterpret_cast<const void*>(&enter); }

Bytes extended_registers() noexcept {
  // CPUID.(0DH,0).EBX: the size of an XSAVE area for what the kernel has enabled.
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  __cpuid_count(0xD, 0, a, b, c, d);
  return Bytes(b);
}

void allow_user_interrupts() noexcept { _stui(); }
void hold_user_interrupts() noexcept { _clui(); }
void send_user_interrupt(std::uint64_t index) noexcept { _senduipi(index); }

#else

bool has_uintr_instructions() noexcept { return false; }
void set_uintr_receiver(UintrReceiver*) noexcept {}
const void* uintr_entry_point() noexcept { return nullptr; }
Bytes extended_registers() noexcept { return Bytes(0); }
void allow_user_interrupts() noexcept {}
void hold_user_interrupts() noexcept {}
void send_user_interrupt(std::uint64_t) noexcept {}

#endif

}  // namespace smtni::notify::internal
