#pragma once

#include <cstddef>
#include <span>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SMTNI_WITH_ASAN 1
#endif
#if __has_feature(thread_sanitizer)
#define SMTNI_WITH_TSAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define SMTNI_WITH_ASAN 1
#endif
#if defined(__SANITIZE_THREAD__)
#define SMTNI_WITH_TSAN 1
#endif

#if defined(SMTNI_WITH_ASAN)
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(SMTNI_WITH_TSAN)
#include <sanitizer/tsan_interface.h>
#endif

namespace smtni::threads::internal {

/// Tells AddressSanitizer that the stack pointer moves to another stack: leave() before the move,
/// and arrive() after it, on the side that is then running. One object for each of the two sides.
/// Nothing at all without AddressSanitizer.
class StackMove {
 public:
#if defined(SMTNI_WITH_ASAN)
  /// This side will be back.
  void leave(std::span<const std::byte> to) noexcept {
    __sanitizer_start_switch_fiber(&frames_, to.data(), to.size());
  }
  /// This side will not.
  static void leave_for_good(std::span<const std::byte> to) noexcept {
    __sanitizer_start_switch_fiber(nullptr, to.data(), to.size());
  }
  /// Returns the stack that was left. The first arrival on a stack is one, too.
  std::span<const std::byte> arrive() noexcept {
    const void* lowest = nullptr;
    std::size_t size = 0;
    __sanitizer_finish_switch_fiber(frames_, &lowest, &size);
    return {static_cast<const std::byte*>(lowest), size};
  }

 private:
  void* frames_ = nullptr;
#else
  void leave(std::span<const std::byte> /*to*/) noexcept {}
  static void leave_for_good(std::span<const std::byte> /*to*/) noexcept {}
  std::span<const std::byte> arrive() noexcept { return {}; }
#endif
};

/// Tells ThreadSanitizer that another fiber runs now, with a call stack and a clock of its own.
/// Nothing at all without ThreadSanitizer.
class FiberIdentity {
 public:
#if defined(SMTNI_WITH_TSAN)
  FiberIdentity() noexcept : own_(__tsan_create_fiber(0)) {}
  FiberIdentity(const FiberIdentity&) = delete;
  FiberIdentity& operator=(const FiberIdentity&) = delete;
  ~FiberIdentity() { __tsan_destroy_fiber(own_); }

  void enter() noexcept {
    resumer_ = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(own_, 0);
  }
  void leave() noexcept { __tsan_switch_to_fiber(resumer_, 0); }

 private:
  void* own_;
  void* resumer_ = nullptr;
#else
  void enter() noexcept {}
  void leave() noexcept {}
#endif
};

}  // namespace smtni::threads::internal
