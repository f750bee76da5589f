#pragma once

#include <cstddef>
#include <cstdint>

#include "core/units.h"

/// \file
/// The processor's side of user interrupts (Intel SDM vol. 3, chapter 7). Its source is compiled
/// for general registers only, as an interrupt's entry must be, so it includes nothing of the
/// standard library that needs others.
namespace smtni::notify::internal {

/// What an interrupted thread branches to, and where its other registers lie meanwhile.
struct UintrReceiver {
  void (*branch)(void* argument) noexcept;
  void* argument;
  /// extended_registers() bytes, aligned to 64 and zero before the first use.
  std::byte* saved;
};

/// Whether the compiler could emit the instructions; REQUIRES of all that follows.
[[nodiscard]] bool has_uintr_instructions() noexcept;

/// The calling thread's; read by its interrupts. REQUIRES: set before they are allowed.
void set_uintr_receiver(UintrReceiver* receiver) noexcept;

/// What the kernel is told to deliver to.
[[nodiscard]] const void* uintr_entry_point() noexcept;
[[nodiscard]] Bytes extended_registers() noexcept;

/// Lets user interrupts into this thread (STUI), and holds them back (CLUI).
void allow_user_interrupts() noexcept;
void hold_user_interrupts() noexcept;

/// Interrupts the receiver at `index` of the process's or thread's table of targets (SENDUIPI).
void send_user_interrupt(std::uint64_t index) noexcept;

}  // namespace smtni::notify::internal
