#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/deadline.h"
#include "core/result.h"
#include "core/units.h"
#include "threads/eviction.h"
#include "threads/hardware_context.h"
#include "threads/ready_queue.h"
#include "threads/start.h"

namespace smtni::threads {

/// How a start went.
enum class Started : std::uint8_t {
  none,             ///< it did not: no context is free and the policy names no victim
  on_idle_context,  ///< at once
  by_eviction,      ///< at the next safepoint of a running context, or when that ends
};

/// Contexts for spawned handlers (paper 3): one hardware context a processor, each with contexts of
/// its own that share it as fibers.
///
/// A context runs until its entry returns, until it is evicted at a safepoint(), or until it
/// yields; an evicted one continues where it was when its hardware context is free again. An
/// exception that leaves an entry, and an overrun stack, are reported with the start's name.
class ContextPool {
 public:
  struct Options {
    /// One hardware context on each; empty: one that is not pinned. A processor may occur twice.
    std::vector<int> cpus = {};
    /// Contexts in all, shared out evenly, rounded up. Only where a hardware context has more than
    /// one can the running one be evicted.
    std::size_t contexts = 1;
    /// Usable bytes of each context's stack.
    Bytes stack{64 * 1024};
    /// Starts that submit() can hold.
    std::size_t queue = 1024;
    EvictionPolicy eviction = NoEviction{};
  };
  static constexpr std::size_t kMaxHardwareContexts = 1024;
  static constexpr std::size_t kMaxContexts = 65'536;
  static constexpr std::size_t kMaxQueue = 1'048'576;

  static Result<std::unique_ptr<ContextPool>> open(const Options& options);

  ContextPool(const ContextPool&) = delete;
  ContextPool& operator=(const ContextPool&) = delete;
  /// Waits for every context to end. REQUIRES: they do so within a minute.
  ~ContextPool();

  /// Starts a context now or, by eviction, as soon as a victim allows.
  /// THREADS: one starter, the NI, at a time. COST: one line transfer for each hardware context
  /// that is looked at, idle ones first; no lock, no system call.
  Started start(const Start& start) noexcept;

  /// A hint: start() would find an idle context. THREADS: any. COST: one load for each hardware
  /// context that is looked at.
  [[nodiscard]] bool has_idle() const noexcept {
    return std::ranges::any_of(hardware_, [](const auto& hardware) { return hardware->is_idle(); });
  }

  /// Asks for the line that a start on the first hardware context will write.
  void prepare() const noexcept { hardware_.front()->prepare(); }

  /// Queues a start for when a hardware context has nothing else to do. False when the queue is
  /// full. THREADS: any. COST: a mutex.
  [[nodiscard]] bool submit(const Start& start) noexcept;

  /// Waits until everything started and submitted has ended; false at the deadline.
  /// REQUIRES: nothing is started or submitted meanwhile.
  [[nodiscard]] bool drain(Deadline until) noexcept;

  /// A place where the calling context may be evicted; outside contexts it does nothing.
  static void safepoint() noexcept { HardwareContext::safepoint(); }

  /// Lets another context of the same hardware context run, if there is one.
  static void yield() noexcept { HardwareContext::yield(); }

  struct Counters {
    std::uint64_t started = 0;    ///< contexts begun
    std::uint64_t evictions = 0;  ///< contexts that gave way at a safepoint
    std::uint64_t resumed = 0;    ///< of these, those that continued
    std::uint64_t ended = 0;      ///< contexts whose entry has returned
    std::uint64_t declined = 0;   ///< calls of start() that returned none
  };
  /// THREADS: any.
  [[nodiscard]] Counters counters() const noexcept;

  [[nodiscard]] std::size_t hardware_contexts() const noexcept { return hardware_.size(); }

  /// Lines for the user, one for each hardware context that could not be pinned.
  [[nodiscard]] std::vector<std::string> notes() const;

 private:
  explicit ContextPool(const Options& options);

  bool start_on_idle(const Start& start) noexcept;
  std::optional<std::size_t> choose_victim(int newcomer) noexcept;

  EvictionPolicy eviction_;
  ReadyQueue ready_;
  std::vector<std::unique_ptr<HardwareContext>> hardware_;
  std::vector<Candidate> candidates_;  // the starter's; reserved once
  // The starter's counts, each written by one thread at a time.
  alignas(kCacheLine) std::atomic<std::uint64_t> posted_{0};
  std::atomic<std::uint64_t> declined_{0};
  alignas(kCacheLine) std::atomic<std::uint64_t> submitted_{0};
};

}  // namespace smtni::threads
