#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace smtni {

/// The registers that a call must keep, without stack and frame bookkeeping: rbx, rbp, r12 to r15,
/// or x19 to x28 and d8 to d15.
#if defined(__x86_64__)
inline constexpr std::size_t kKeptRegisters = 6;
#else
inline constexpr std::size_t kKeptRegisters = 18;
#endif
using KeptRegisters = std::array<std::uint64_t, kKeptRegisters>;

/// Loads the registers from `before`, calls `run(argument)`, stores them to `after`.
extern "C" void smtni_call_with_registers(void (*run)(void*), void* argument,
                                          const std::uint64_t* before, std::uint64_t* after);

inline KeptRegisters pattern_of(std::uint64_t seed) noexcept {
  KeptRegisters registers{};
  for (std::uint64_t& value : registers) value = seed = seed * 0x5851F42D4C957F2DU + 1;
  return registers;
}

inline KeptRegisters registers_after(void (*run)(void*), void* argument,
                                     const KeptRegisters& before) {
  KeptRegisters after{};
  smtni_call_with_registers(run, argument, before.data(), after.data());
  return after;
}

/// Rounding modes and the like: what a call must keep of the floating-point control registers.
struct FloatControl {
  std::uint64_t vector = 0;
  std::uint16_t x87 = 0;

  friend bool operator==(const FloatControl&, const FloatControl&) = default;

  static FloatControl read() noexcept {
    FloatControl control;
#if defined(__x86_64__)
    control.vector = _mm_getcsr() & ~0x3FU;  // the low bits are flags, which calls may change
    asm volatile("fnstcw %0" : "=m"(control.x87));
#else
    asm volatile("mrs %0, fpcr" : "=r"(control.vector));
#endif
    return control;
  }
  void write() const noexcept {
#if defined(__x86_64__)
    _mm_setcsr(static_cast<unsigned>(vector));
    asm volatile("fldcw %0" : : "m"(x87));
#else
    asm volatile("msr fpcr, %0" : : "r"(vector));
#endif
  }
  /// This thread's, but rounding towards zero.
  static FloatControl truncating() noexcept {
    FloatControl control = read();
#if defined(__x86_64__)
    control.vector |= 0x6000U;
    control.x87 = static_cast<std::uint16_t>(control.x87 | 0x0C00U);
#else
    control.vector |= 0xC00000U;
#endif
    return control;
  }
};

}  // namespace smtni
