#pragma once

#include <memory>
#include <string_view>

#include "notify/lock_table.h"
#include "notify/mechanism.h"

namespace smtni::notify {
namespace internal {

constexpr MechanismInfo lock_info(Waiting waiting) noexcept {
  const auto info = [](std::string_view name, std::string_view summary) {
    return MechanismInfo{name, Role::waits, "paper 1", summary};
  };
  switch (waiting) {
    case Waiting::spin:
      return info("lock-table/spin", "the NI clears a lock bit that the receiver keeps reading");
    case Waiting::pause:
      return info("lock-table/pause", "the same with a PAUSE between two readings");
    case Waiting::umwait:
      return info("lock-table/umwait",
                  "the receiver halts in UMWAIT until the lock bit is cleared");
    case Waiting::park:
      return info("lock-table/park", "the receiver pauses for a while, then sleeps in a futex");
  }
  return {};
}

}  // namespace internal

/// Paper 1, lock release: the receiver acquires a lock and waits for its bit to clear; the NI
/// clears it. Variants differ in how the receiver waits.
template <Waiting kWaiting>
class LockNotification {
 public:
  static constexpr MechanismInfo kInfo = internal::lock_info(kWaiting);

  static Result<std::unique_ptr<LockNotification>> open(const Options& options) {
    auto table = std::make_unique<LockTable>(1, options.spin);
    return table->allocate(kWaiting).map([&](LockTable::Lock lock) {
      return std::unique_ptr<LockNotification>(new LockNotification(std::move(table), lock));
    });
  }

  void prepare() noexcept { LockTable::prepare(lock_); }

  /// Only who parks is ever off its CPU by this mechanism's doing.
  [[nodiscard]] Fallback expected() const noexcept
    requires(kWaiting == Waiting::park)
  {
    return LockTable::is_parked(lock_) ? Fallback::os_told : Fallback::none;
  }
  [[nodiscard]] FallbackCounts fallbacks() const noexcept
    requires(kWaiting == Waiting::park)
  {
    return {.os_told = LockTable::times_told(lock_)};
  }

  bool notify(const void* /*record*/) noexcept {
    LockTable::release(lock_);  // [clear]
    return true;
  }

  /// notify(), and `before_wake()` before it wakes a receiver that has parked, and only then.
  template <class BeforeWake>
  void notify_and(const BeforeWake& before_wake) noexcept {
    LockTable::release(lock_, before_wake);  // [clear]
  }

  template <News N>
  Wake wait(const N& news, Deadline until) noexcept {
    while (!news()) {
      // Say "I will wait", then look once more: a release that this overwrites is seen with its
      // news, by [clear], and any later one ends the wait. The bit may be set from an earlier wait.
      (void)LockTable::try_acquire(lock_);
      if (news()) break;
      if (!table_->await(lock_, until)) return news() ? Wake::news : Wake::timed_out;
    }
    return Wake::news;
  }

 private:
  LockNotification(std::unique_ptr<LockTable> table, LockTable::Lock lock) noexcept
      : table_(std::move(table)), lock_(lock) {}

  std::unique_ptr<LockTable> table_;
  LockTable::Lock lock_;
};

using LockSpin = LockNotification<Waiting::spin>;
using LockPause = LockNotification<Waiting::pause>;
using LockUmwait = LockNotification<Waiting::umwait>;
using LockPark = LockNotification<Waiting::park>;

}  // namespace smtni::notify
