#pragma once

#include <atomic>
#include <memory>

#include "core/cpu.h"
#include "notify/internal/blocking_wait.h"
#include "notify/mechanism.h"

namespace smtni::notify {

/// The receiver sleeps until its io_uring has a completion; the notifier posts one there from a
/// ring of its own (IORING_OP_MSG_RING, Linux 5.18).
///
/// A completion stays in the ring until it is taken, and the kernel would store those beyond its
/// end without bound. So one is posted only when none is under way:
///
/// Edge [under-way]: the notifier exchanges true after the news, the receiver exchanges false
/// before it looks. A notifier that finds true leaves it to the receiver's exchange, which reads
/// its.
class IoUring {
 public:
  static constexpr MechanismInfo kInfo{"kernel/io-uring", Role::waits, "baseline",
                                       "the receiver sleeps in io_uring; MSG_RING wakes it"};

  /// `unsupported` where the kernel refuses io_uring (kernel.io_uring_disabled, seccomp) or lacks
  /// MSG_RING.
  static Result<std::unique_ptr<IoUring>> open(const Options&);
  ~IoUring();

  /// COST: a bus lock; io_uring_enter() unless a completion is under way.
  bool notify(const void* /*record*/) noexcept {
    if (!is_under_way_.exchange(true, std::memory_order_acq_rel)) post();  // [under-way]
    return true;
  }

  /// COST: io_uring_enter() for each sleep.
  template <News N>
  Wake wait(const N& news, Deadline until) noexcept {
    return internal::wait_by(news, until, [&] {
      sleep(until);
      is_under_way_.exchange(false, std::memory_order_acq_rel);  // [under-way]
    });
  }

 private:
  struct Rings;  // keeps liburing out of users' translation units

  explicit IoUring(std::unique_ptr<Rings> rings) noexcept;

  void post() noexcept;
  void sleep(Deadline until) noexcept;

  std::unique_ptr<Rings> rings_;
  // Written by both sides.
  alignas(kCacheLine) std::atomic<bool> is_under_way_{false};
};

}  // namespace smtni::notify
