#include "notify/lock_table.h"

#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <string>

#include "notify/internal/umwait.h"

namespace smtni::notify {
namespace {

// Turns of a poll after which it lets another thread of the same processor run: some 10 us of
// readings or of PAUSEs. A yield to nobody takes about 0.2 us, so that polling loses 2 % of its
// time.
constexpr std::uint32_t kReadingsPerYield = 8192;
constexpr std::uint32_t kPausesPerYield = 1024;

// One turn of a poll: what to do between two readings.
class SpinTurn {
 public:
  void operator()() noexcept {
    if (++turn_ % kReadingsPerYield == 0) sched_yield();
  }

 private:
  std::uint32_t turn_ = 0;
};

class PauseTurn {
 public:
  void operator()() noexcept {
    cpu_pause();
    if (++turn_ % kPausesPerYield == 0) sched_yield();
  }

 private:
  std::uint32_t turn_ = 0;
};

long futex(const std::atomic<std::uint32_t>& word, int operation, std::uint32_t value,
           const timespec* until) noexcept {
  return syscall(SYS_futex, &word, operation | FUTEX_PRIVATE_FLAG, value, until, nullptr,
                 FUTEX_BITSET_MATCH_ANY);
}

}  // namespace

LockTable::LockTable(std::size_t locks, Nanoseconds spin)
    : lines_(std::make_unique<Line[]>(locks)), spin_(spin) {
  unused_.reserve(locks);
  for (std::size_t index = locks; index > 0; --index) unused_.push_back(&lines_[index - 1]);
}

Result<LockTable::Lock> LockTable::allocate(Waiting waiting) {
  if (waiting == Waiting::umwait) {
    if (Result<void> possible = internal::umwait_support(); !possible) {
      return tl::unexpected<Error>(possible.error());
    }
  }
  const std::lock_guard guard(unused_mutex_);
  if (unused_.empty()) {
    return failure(Error::Kind::would_block, "allocate a lock: all locks of the table are taken");
  }
  Line* const line = unused_.back();
  unused_.pop_back();
  // Relaxed: whoever is handed the Lock synchronises with this thread by that.
  line->word.store(kFree, std::memory_order_relaxed);
  line->told.store(0, std::memory_order_relaxed);
  return Lock(line, waiting);
}

void LockTable::deallocate(Lock lock) {
  const std::lock_guard guard(unused_mutex_);
  unused_.push_back(lock.line_);
}

bool LockTable::acquire(Lock lock, Deadline until) const noexcept {
  while (!try_acquire(lock)) {
    if (!await(lock, until)) return false;
  }
  return true;
}

bool LockTable::await(Lock lock, Deadline until) const noexcept {
  Line& line = *lock.line_;
  switch (lock.waiting_) {
    case Waiting::spin:
      return poll(line, until, SpinTurn());
    case Waiting::pause:
      return poll(line, until, PauseTurn());
    case Waiting::umwait:
      return internal::umwait_while(line.word, kHeld, until);
    case Waiting::park:
      return await_parked(line, until);
  }
  return false;
}

template <class Turn>
bool LockTable::poll(const Line& line, Deadline until, Turn turn) noexcept {
  SpinDeadline deadline(until);
  while (!is_free(line)) {
    if (deadline.passed()) return is_free(line);
    turn();
  }
  return true;
}

bool LockTable::await_parked(Line& line, Deadline until) const noexcept {
  const Deadline spin_until =
      std::min(until, in(std::chrono::nanoseconds(static_cast<std::int64_t>(spin_.count()))));
  if (spin_ > Nanoseconds(0) && poll(line, spin_until, PauseTurn())) return true;
  const timespec sleep_until = as_monotonic(until);
  for (;;) {
    std::uint32_t seen = kHeld;
    // [park] mark, then sleep for as long as the mark stands. [clear] acquire if it is free
    // instead.
    line.word.compare_exchange_strong(seen, kParked, std::memory_order_acquire);
    if (seen == kFree) return true;
    if (futex(line.word, FUTEX_WAIT_BITSET, kParked, &sleep_until) != 0 && errno == ETIMEDOUT) {
      return is_free(line);
    }
    if (is_free(line)) return true;
  }
}

void LockTable::wake(Line& line) noexcept {
  line.told.fetch_add(1, std::memory_order_relaxed);  // relaxed: a statistic
  futex(line.word, FUTEX_WAKE, INT_MAX, nullptr);
}

}  // namespace smtni::notify
