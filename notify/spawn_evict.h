#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/result.h"
#include "notify/internal/spawn_gate.h"
#include "notify/mechanism.h"
#include "threads/context_pool.h"

namespace smtni::notify {

/// Paper 3's fall-back: when no context is idle, a running one gives way at its next safepoint and
/// continues later. Which one, Options::eviction says, by Options::priority.
class EvictContext {
 public:
  static constexpr MechanismInfo kInfo{
      "spawn/evict", Role::spawns, "paper 3",
      "a running context gives way at its next safepoint and resumes later"};

  static Result<std::unique_ptr<EvictContext>> open(const Options& options);

  EvictContext(const EvictContext&) = delete;
  EvictContext& operator=(const EvictContext&) = delete;
  ~EvictContext() { disarm(); }

  /// False when no context is idle and none can be evicted.
  [[nodiscard]] bool notify(const void* record) noexcept;

  [[nodiscard]] Fallback expected() const noexcept {
    return pool_->has_idle() ? Fallback::none : Fallback::evicted;
  }
  [[nodiscard]] FallbackCounts fallbacks() const noexcept {
    return {.evicted = evicted_.load(std::memory_order_relaxed)};  // relaxed: a statistic
  }

  Result<void> arm(const Entry& entry);

  /// REQUIRES: entries and backgrounds end within a minute.
  void disarm() noexcept;

  /// Returns once every hardware context has begun `background`. REQUIRES: armed.
  Result<void> occupy(const Entry& background);

  static void safepoint() noexcept { threads::ContextPool::safepoint(); }

  /// What the evictions were, for reports and tests.
  [[nodiscard]] threads::ContextPool::Counters counters() const noexcept {
    return pool_->counters();
  }

  /// Lines for the user: contexts that could not be pinned.
  [[nodiscard]] std::vector<std::string> notes() const { return pool_->notes(); }

 private:
  EvictContext(std::unique_ptr<threads::ContextPool> pool, int priority) noexcept;

  internal::SpawnGate gate_;
  std::unique_ptr<threads::ContextPool> pool_;
  const int priority_;                     // of entries
  std::atomic<std::uint64_t> evicted_{0};  // starts that took a running context; the notifier's
};

static_assert(EvictingMechanism<EvictContext>);

}  // namespace smtni::notify
