#pragma once

#include <sched.h>

#include <atomic>

#include "core/cpu.h"

namespace smtni {

/// A lock for a few dozen instructions that never wait. Yields the processor when it is held for
/// longer, as by a thread that has lost its CPU.
///
///   [lock]  unlock() stores with release  ->  lock() acquires by an exchange
class SpinLock {
 public:
  void lock() noexcept {
    for (unsigned turn = 1; !try_lock(); ++turn) {
      // relaxed: only tells when another attempt is worth a transfer of the line.
      while (is_held_.load(std::memory_order_relaxed) && turn % kTurnsBeforeYield != 0) {
        cpu_pause();
        ++turn;
      }
      if (turn % kTurnsBeforeYield == 0) ::sched_yield();
    }
  }

  [[nodiscard]] bool try_lock() noexcept {
    // [lock] acquire: what the last holder did is visible to this one.
    return !is_held_.exchange(true, std::memory_order_acquire);
  }

  void unlock() noexcept {
    // [lock] release.
    is_held_.store(false, std::memory_order_release);
  }

 private:
  static constexpr unsigned kTurnsBeforeYield = 256;

  std::atomic<bool> is_held_{false};
};

}  // namespace smtni
