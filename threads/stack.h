#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "core/posix.h"
#include "core/result.h"
#include "core/units.h"

namespace smtni::threads {

/// A stack for a handler or a context: usable bytes with a guard page below them. A single frame of
/// more than a page may step over the guard, unless compiled with -fstack-clash-protection.
///
/// A computation that runs into the guard page ends the process by the signal's default action, as
/// on any stack, but first "smtni: handler 'NAME' overran its stack of N KiB" goes to standard
/// error. The reporter needs a stack itself: each thread that runs on a Stack calls
/// report_overruns_on_this_thread() once. The report covers the kMaxGuarded oldest stacks alive;
/// those beyond have their guard page, but no name.
class Stack {
 public:
  static constexpr Bytes kMinUsable{16 * 1024};
  static constexpr Bytes kMaxUsable{1024 * 1024 * 1024};
  static constexpr std::size_t kMaxGuarded = 1024;

  /// Maps `usable` bytes, rounded up to whole pages, and the guard page. The first call installs
  /// the reporter for SIGSEGV and SIGBUS, which passes every other fault on to the handler before
  /// it. REQUIRES: what `name` refers to outlives the stack, or is replaced by rename().
  static Result<Stack> create(Bytes usable, std::string_view name);

  Stack(Stack&& other) noexcept;
  Stack& operator=(Stack&& other) noexcept;
  ~Stack();

  [[nodiscard]] std::span<std::byte> usable() const noexcept { return usable_; }

  /// The address above the highest usable byte, where an empty stack's pointer stands.
  [[nodiscard]] std::byte* top() const noexcept { return usable_.data() + usable_.size(); }

  /// Whose overrun it would be from now on. REQUIRES: as create().
  void rename(std::string_view name) noexcept;

 private:
  Stack(Mapping pages, std::span<std::byte> usable) noexcept;

  Mapping pages_;
  std::span<std::byte> usable_;
  std::size_t guard_index_;  // in the reporter's registry; kMaxGuarded: not there
};

/// Gives the calling thread an alternate signal stack, unless it has one. It lasts until the thread
/// ends. Without memory for it an overrun still ends the process, but unreported.
void report_overruns_on_this_thread() noexcept;

/// An alternate signal stack that outlives the threads which use it, one at a time: for threads too
/// short-lived to map their own.
class AlternateStack {
 public:
  static Result<AlternateStack> create();

  /// For the calling thread, unless it has one.
  void install() noexcept;
  /// Does nothing unless install() did. REQUIRES: called by the thread that called install().
  void uninstall() noexcept;

 private:
  explicit AlternateStack(Mapping pages) noexcept : pages_(std::move(pages)) {}

  Mapping pages_;
  bool is_installed_ = false;
};

}  // namespace smtni::threads
