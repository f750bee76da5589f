#include "notify/spawn_evict.h"

#include <sched.h>

#include <algorithm>
#include <utility>

#include "core/deadline.h"
#include "core/expect.h"

namespace smtni::notify {
namespace {

// On each hardware context: an evicted computation, and entries that may be evicted in their turn.
constexpr std::size_t kContextsPerProcessor = 4;

constexpr int kBackgroundPriority = 0;

}  // namespace

Result<std::unique_ptr<EvictContext>> EvictContext::open(const Options& options) {
  auto pool = threads::ContextPool::open(
      {.cpus = options.context_cpus,
       .contexts = kContextsPerProcessor * std::max<std::size_t>(options.context_cpus.size(), 1),
       .stack = options.stack,
       .eviction = options.eviction});
  if (!pool) return tl::unexpected(pool.error());
  return std::unique_ptr<EvictContext>(new EvictContext(std::move(*pool), options.priority));
}

EvictContext::EvictContext(std::unique_ptr<threads::ContextPool> pool, int priority) noexcept
    : pool_(std::move(pool)), priority_(priority) {}

bool EvictContext::notify(const void* record) noexcept {
  return gate_.pass([&](const Entry& entry) {
    const threads::Started started =
        pool_->start({entry.run, entry.argument, record, entry.name, priority_});
    if (started == threads::Started::by_eviction) {
      // relaxed: a statistic with one writer, the notifier.
      evicted_.store(evicted_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }
    return started != threads::Started::none;
  });
}

Result<void> EvictContext::arm(const Entry& entry) {
  gate_.open(entry);
  return {};
}

void EvictContext::disarm() noexcept {
  gate_.close();
  SMTNI_EXPECT(pool_->drain(in(internal::kSpawnPatience)));
}

Result<void> EvictContext::occupy(const Entry& background) {
  SMTNI_EXPECT(gate_.is_open());
  const std::uint64_t begun = pool_->counters().started + pool_->hardware_contexts();
  for (std::size_t index = 0; index < pool_->hardware_contexts(); ++index) {
    if (!pool_->submit(
            {background.run, background.argument, nullptr, background.name, kBackgroundPriority})) {
      return failure(Error::Kind::would_block, "occupy the contexts: the ready queue is full");
    }
  }
  const Deadline until = in(internal::kSpawnPatience);
  while (pool_->counters().started < begun) {
    if (has_passed(until)) {
      return failure(Error::Kind::timed_out, "occupy the contexts: they are held by entries");
    }
    ::sched_yield();
  }
  return {};
}

}  // namespace smtni::notify
