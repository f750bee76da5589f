#pragma once

#include <string_view>

namespace smtni::threads {

/// What a context is started with: the paper's {program counter, stack pointer, pointer to the
/// notification record}. The stack is the context's own, so it is not named here.
struct Start {
  void (*run)(void* argument, const void* record) = nullptr;  ///< the program counter
  void* argument = nullptr;
  const void* record = nullptr;
  /// Whose fault it is if something goes wrong. What it refers to outlives the run.
  std::string_view name;
  /// Higher goes first.
  int priority = 0;
};

}  // namespace smtni::threads
