#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/deadline.h"
#include "core/expect.h"
#include "core/result.h"
#include "notify/internal/spawn_gate.h"
#include "notify/mechanism.h"
#include "threads/context_pool.h"

namespace smtni::notify {

/// Paper 3: the NI starts a waiting context at {program counter, stack pointer, record}. The
/// hardware contexts are emulated by pinned threads that poll a line.
class IdleContext {
 public:
  static constexpr MechanismInfo kInfo{
      "spawn/idle-context", Role::spawns, "paper 3",
      "a parked context starts at the entry when its line is written"};

  static Result<std::unique_ptr<IdleContext>> open(const Options& options) {
    auto pool = threads::ContextPool::open(
        {.cpus = options.context_cpus,
         .contexts = std::max<std::size_t>(options.context_cpus.size(), 1),
         .stack = options.stack});
    if (!pool) return tl::unexpected(pool.error());
    return std::unique_ptr<IdleContext>(new IdleContext(std::move(*pool)));
  }

  IdleContext(const IdleContext&) = delete;
  IdleContext& operator=(const IdleContext&) = delete;
  ~IdleContext() { disarm(); }

  void prepare() noexcept { pool_->prepare(); }

  /// False when no context is idle. COST: one line transfer when the first context is.
  [[nodiscard]] bool notify(const void* record) noexcept {
    return gate_.pass([&](const Entry& entry) {
      return pool_->start({entry.run, entry.argument, record, entry.name}) !=
             threads::Started::none;
    });
  }

  Result<void> arm(const Entry& entry) {
    gate_.open(entry);
    return {};
  }

  /// REQUIRES: entries end within a minute.
  void disarm() noexcept {
    gate_.close();
    SMTNI_EXPECT(pool_->drain(in(internal::kSpawnPatience)));
  }

  /// Lines for the user: contexts that could not be pinned.
  [[nodiscard]] std::vector<std::string> notes() const { return pool_->notes(); }

 private:
  explicit IdleContext(std::unique_ptr<threads::ContextPool> pool) noexcept
      : pool_(std::move(pool)) {}

  internal::SpawnGate gate_;
  std::unique_ptr<threads::ContextPool> pool_;
};

static_assert(SpawnMechanism<IdleContext>);

}  // namespace smtni::notify
