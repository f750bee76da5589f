#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "core/cpu.h"
#include "core/deadline.h"
#include "core/result.h"
#include "core/units.h"

namespace smtni::notify {

/// How a thread waits for a lock bit to clear.
enum class Waiting : std::uint8_t {
  spin,    ///< reads the line as often as it can
  pause,   ///< the same with one PAUSE between readings, which an SMT sibling is grateful for
  umwait,  ///< halts in UMWAIT until the line is written
  park,    ///< pauses for a while, then sleeps in the operating system
};

/// The hardware synchronisation lock table (Tullsen, Lo, Eggers, Levy: "Supporting fine-grained
/// synchronization on a simultaneous multithreading processor", HPCA 1999) in software: a fixed
/// number of lock bits, which any threads acquire and release. To be notified (paper 1), a thread
/// acquires a lock, so that its bit says "I will wait", and waits for the bit to clear; the NI
/// clears it by release(), and the thread is runnable.
///
/// A lock's word:
///
///   word    | meaning                                    | written by
///   free    | nobody holds it or waits for it            | release()
///   held    | somebody holds it, or will wait for it     | acquire(), try_acquire()
///   parked  | held, and a waiter asked the OS for sleep  | await(), only when waiting is `park`
///
/// Edges:
///   [clear]  release() frees the word with release; await() and try_acquire() read that with
///            acquire. Only a read-modify-write ever overwrites a free word, and it reads the last
///            value before its own: either it sees the release, and with it all that came before,
///            or the release comes after it and ends the wait. So a plain store suffices.
///   [park]   held -> parked by compare-and-swap before sleeping; release() changes the word by
///            exchange before it wakes. The kernel sleeps only while the word is still parked, so a
///            release before the sleep cancels it, and one after it finds the mark.
class LockTable {
  // `word` is written by whoever acquires and releases, and polled by whoever waits; `told` is
  // written by whoever releases, when it has to tell the operating system.
  struct alignas(kLinePair) Line {
    std::atomic<std::uint32_t> word{kFree};
    alignas(kCacheLine) std::atomic<std::uint64_t> told{0};
  };
  static_assert(sizeof(Line) == kLinePair);

 public:
  /// Names one lock of one table. Copies name the same lock.
  class Lock {
    friend class LockTable;
    Lock(Line* line, Waiting waiting) noexcept : line_(line), waiting_(waiting) {}
    Line* line_;
    Waiting waiting_;
  };

  /// `spin`: how long a parking wait pauses before it asks the operating system; zero: not at all.
  explicit LockTable(std::size_t locks, Nanoseconds spin = Nanoseconds(20'000));

  /// A free lock. `would_block` when all are taken; `unsupported` when this machine cannot wait so.
  /// THREADS: any.
  Result<Lock> allocate(Waiting waiting);
  /// REQUIRES: `lock` came from this table's allocate(); nobody holds it, waits for it or uses it.
  void deallocate(Lock lock);

  /// Sets the bit if it is clear; false if it is set already.
  /// THREADS: any. COST: one line transfer.
  [[nodiscard]] static bool try_acquire(Lock lock) noexcept {
    std::uint32_t expected = kFree;
    // [clear] acquire. A failure leaves the word as it is, and a later release still ends the wait.
    return lock.line_->word.compare_exchange_strong(expected, kHeld, std::memory_order_acquire,
                                                    std::memory_order_relaxed);
  }

  /// Sets the bit, and waits before that for as long as it is set. False: the deadline has passed.
  /// THREADS: any.
  [[nodiscard]] bool acquire(Lock lock, Deadline until) const noexcept;

  /// Waits until the bit is clear and leaves it so; false: the deadline has passed. A thread that
  /// waits for notification calls this on a lock that nobody else acquires; where several do, it
  /// may miss a release that an acquire follows. THREADS: any. COST: nothing but reading the line
  /// until it is written, unless it parks.
  [[nodiscard]] bool await(Lock lock, Deadline until) const noexcept;

  /// Asks for the line that release() will write, so that its transfer overlaps with other work.
  static void prepare(Lock lock) noexcept { prefetch_for_write(lock.line_); }

  /// Clears the bit, whether set or not, and so makes all waiters runnable.
  /// THREADS: any. COST: one line transfer; a system call if a waiter is parked.
  static void release(Lock lock) noexcept {
    release(lock, [] {});
  }
  /// The same, and calls `before_wake()` before it wakes a parked waiter, and only then.
  template <class BeforeWake>
  static void release(Lock lock, const BeforeWake& before_wake) noexcept {
    if (lock.waiting_ != Waiting::park) {
      lock.line_->word.store(kFree, std::memory_order_release);  // [clear]
    } else if (clear_mark(*lock.line_)) {
      before_wake();
      wake(*lock.line_);
    }
  }

  /// A hint: a waiter is not on a CPU, so that release() would have to tell the operating system.
  /// THREADS: any. COST: one load of the line that is waited for.
  [[nodiscard]] static bool is_parked(Lock lock) noexcept {
    return lock.line_->word.load(std::memory_order_relaxed) == kParked;  // relaxed: a hint
  }

  /// How often release() has told it. THREADS: any.
  [[nodiscard]] static std::uint64_t times_told(Lock lock) noexcept {
    return lock.line_->told.load(std::memory_order_relaxed);  // relaxed: a statistic
  }

 private:
  static constexpr std::uint32_t kFree = 0;
  static constexpr std::uint32_t kHeld = 1;
  static constexpr std::uint32_t kParked = 2;

  static bool is_free(const Line& line) noexcept {
    return line.word.load(std::memory_order_acquire) == kFree;  // [clear]
  }
  // True: the line was marked, and wake() must follow.
  static bool clear_mark(Line& line) noexcept {
    // [clear] release. [park] an exchange: the word changes before the wake, and a mark is seen.
    return line.word.exchange(kFree, std::memory_order_release) == kParked;
  }
  static void wake(Line& line) noexcept;
  template <class Turn>
  static bool poll(const Line& line, Deadline until, Turn turn) noexcept;
  bool await_parked(Line& line, Deadline until) const noexcept;

  std::unique_ptr<Line[]> lines_;
  const Nanoseconds spin_;
  std::mutex unused_mutex_;
  std::vector<Line*> unused_;
};

}  // namespace smtni::notify
