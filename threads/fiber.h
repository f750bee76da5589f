#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string_view>

#include "threads/context_switch.h"
#include "threads/internal/sanitizer_switch.h"
#include "threads/stack.h"

namespace smtni::threads {

/// A computation with its own stack that runs only while somebody resumes it: {program counter,
/// stack pointer, argument}.
///
/// Exceptions stay inside: one that leaves the entry is reported with the fiber's name. One that is
/// being handled when the fiber suspends is kept apart from those of the resumer.
/// THREADS: one at a time. Resumed on another thread, a fiber may find that the compiler kept the
/// address of a thread-local variable across suspend(); so the pool here does not move fibers.
class Fiber {
 public:
  struct Entry {
    void (*run)(void* argument);  ///< the program counter
    void* argument;
    std::string_view name;
  };

  /// REQUIRES: `stack` and the name outlive the fiber; nothing else uses `stack` meanwhile.
  Fiber(const Stack& stack, const Entry& entry) noexcept;
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;
  /// REQUIRES: it never ran, or has ended, or is suspended where nothing needs a destructor.
  ~Fiber() = default;

  /// Runs the fiber until it suspends or its entry returns.
  /// REQUIRES: it has not ended; not called from inside it.
  void resume() noexcept;

  /// Returns to the resumer; returns itself when resumed again. REQUIRES: called from inside.
  void suspend() noexcept;

  [[nodiscard]] bool has_ended() const noexcept { return has_ended_; }

 private:
  static void run_entry(void* fiber);

  // The C++ run-time's per-thread record of exceptions in flight (Itanium C++ ABI 2.2.2).
  using ExceptionState = std::array<void*, 2>;

  StackPointer other_side_;  // where the side that is not running left its registers
  Entry entry_;
  ExceptionState exceptions_{};
  bool has_ended_ = false;
  // For the sanitizers.
  std::span<const std::byte> own_stack_;
  std::span<const std::byte> resumer_stack_;
  [[no_unique_address]] internal::StackMove own_move_;
  [[no_unique_address]] internal::StackMove resumer_move_;
  [[no_unique_address]] internal::FiberIdentity identity_;
};

/// Calls `run(argument)` on another stack and comes back. COST: about a call.
/// REQUIRES: `stack` is not in use.
void run_on_stack(const Stack& stack, void (*run)(void* argument) noexcept,
                  void* argument) noexcept;

}  // namespace smtni::threads
