#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/cpu.h"
#include "core/result.h"
#include "core/units.h"
#include "threads/eviction.h"
#include "threads/fiber.h"
#include "threads/pinned_thread.h"
#include "threads/ready_queue.h"
#include "threads/stack.h"
#include "threads/start.h"

namespace smtni::threads {

/// One emulated hardware context: a pinned worker thread that runs contexts, one at a time, as
/// fibers. Its contexts never move to another worker: thread-local storage and caches stay right
/// and warm.
///
/// The mailbox is one line, so that a start costs one transfer: the starter fills in `start` and
/// then posts; an idle worker polls `state`, and so does a running context at its safepoints. To
/// evict is to post to a worker that is running.
///
///   state    | meaning                                               | left by
///   idle     | nothing to run; polls                                 | starter -> posted, stopping
///            |                                                       | worker -> busy
///   running  | a context runs; another is free, so it can be evicted | starter -> posted
///            |                                                       | worker -> busy
///   busy     | between contexts, or running the last free one        | worker -> running, idle
///   posted   | `start` is filled in                                  | worker -> running, busy
///   stopping | the worker ends                                       |
///
/// Two may leave idle and running, so both sides leave them by compare-exchange. The starter fills
/// in `start` before it knows whether it will succeed; the worker reads it in posted only.
///
/// Edges:
///   [start]  the starter's exchange to posted is a release; the worker acquires the state.
///   [taken]  the worker's store that leaves posted is a release; the starter acquires the state
///            before it overwrites `start`.
///   [ended]  the worker counts an end with release; who waits for ends acquires the count.
class HardwareContext {
 public:
  struct Options {
    std::optional<int> cpu;
    std::size_t contexts;  ///< stacks, at least 1
    Bytes stack;
  };

  enum class State : std::uint32_t { idle, running, busy, posted, stopping };

  /// REQUIRES: `ready` outlives the result.
  static Result<std::unique_ptr<HardwareContext>> open(const Options& options, ReadyQueue& ready);

  HardwareContext(const HardwareContext&) = delete;
  HardwareContext& operator=(const HardwareContext&) = delete;
  /// REQUIRES: every context has ended.
  ~HardwareContext();

  /// Posts `start` if the worker is in `expected`, which is idle or running; else false.
  /// THREADS: one starter at a time. COST: one line transfer.
  [[nodiscard]] bool offer(const Start& start, State expected) noexcept {
    // [taken] acquire: the worker has read what is overwritten here.
    if (mailbox_.state.load(std::memory_order_acquire) != expected) return false;
    mailbox_.start = start;
    // [start] release: whoever sees posted sees the start. Failing orders nothing.
    return mailbox_.state.compare_exchange_strong(
        expected, State::posted, std::memory_order_release, std::memory_order_relaxed);
  }

  /// Asks for the mailbox's line, so that its transfer overlaps with other work.
  void prepare() const noexcept { prefetch_for_write(&mailbox_); }

  /// A hint: nothing runs here. COST: one load of the mailbox.
  [[nodiscard]] bool is_idle() const noexcept {
    return mailbox_.state.load(std::memory_order_relaxed) == State::idle;  // relaxed: a hint
  }

  /// What could be evicted now, if anything. A hint: the exchange in offer() decides.
  [[nodiscard]] std::optional<Candidate> candidate(std::size_t own_index) const noexcept;

  /// A place where the running context may be evicted. Elsewhere it does nothing.
  /// COST: one load of the line that the NI writes; a few ns until it does.
  static void safepoint() noexcept {
    // Relaxed: the worker acquires before it reads the start.
    if (polled->load(std::memory_order_relaxed) == State::posted) [[unlikely]] {
      leave_running(Leaving::evicted);
    }
  }

  /// Lets another context of this worker run, if one can. Outside contexts it does nothing.
  static void yield() noexcept { leave_running(Leaving::yielded); }

  struct Counters {
    std::uint64_t started = 0;
    std::uint64_t evictions = 0;
    std::uint64_t resumed = 0;
    std::uint64_t ended = 0;
  };
  /// [ended] acquire: what the counted contexts did is seen.
  [[nodiscard]] Counters counters() const noexcept;

  /// One line for the user about pinning, or empty.
  [[nodiscard]] std::string note() const { return worker_ ? worker_->note() : std::string(); }

 private:
  enum class Leaving : std::uint8_t { ended, evicted, yielded };

  // A context: a fiber that runs one start after another.
  struct Context {
    explicit Context(Stack own) noexcept
        : stack(std::move(own)), fiber(stack, {run_starts, this, "context"}) {}

    Stack stack;
    Start start;
    TscInstant started;
    Leaving leaving = Leaving::ended;
    Fiber fiber;
  };

  struct alignas(kCacheLine) Mailbox {
    std::atomic<State> state{State::idle};
    Start start;
  };
  static_assert(sizeof(Mailbox) == kCacheLine, "a start is one transfer");

  explicit HardwareContext(ReadyQueue& ready) noexcept : ready_(ready) {}

  static void run_starts(void* context);
  static void leave_running(Leaving leaving) noexcept;

  void work() noexcept;
  State await_work() noexcept;
  Context* choose_next(Leaving last) noexcept;
  Context* begin(const Start& start) noexcept;
  Context* begin_queued() noexcept;
  Context* continue_suspended() noexcept;
  Leaving run(Context& context) noexcept;
  void end_contexts() noexcept;

  static constexpr std::atomic<State> kNeverPosted{State::busy};
  // What this thread's safepoints poll, and the worker that this thread is, if any.
  static inline constinit thread_local const std::atomic<State>* polled = &kNeverPosted;
  static inline constinit thread_local HardwareContext* current = nullptr;

  // Written by the starter (posts) and the worker (takes), polled by the worker.
  alignas(kLinePair) Mailbox mailbox_;

  // Written by the worker, read by a starter that looks for a victim and by counters().
  struct alignas(kCacheLine) Status {
    std::atomic<std::uint64_t> running_since{0};
    std::atomic<int> priority{0};
    std::atomic<std::uint64_t> started{0};
    std::atomic<std::uint64_t> evictions{0};
    std::atomic<std::uint64_t> resumed{0};
    std::atomic<std::uint64_t> ended{0};
  };
  alignas(kLinePair) Status status_;

  // The worker's own.
  alignas(kLinePair) ReadyQueue& ready_;
  std::vector<std::unique_ptr<Context>> contexts_;
  std::vector<Context*> free_;
  std::vector<Context*> suspended_;  // the longest-suspended first
  Context* running_ = nullptr;
  std::optional<PinnedThread> worker_;  // the last member: ends before what it uses
};

}  // namespace smtni::threads
