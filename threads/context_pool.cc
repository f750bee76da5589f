#include "threads/context_pool.h"

#include <sched.h>

#include <algorithm>
#include <chrono>
#include <utility>
#include <variant>

#include "core/expect.h"

namespace smtni::threads {
namespace {

Result<void> check(const ContextPool::Options& options) {
  const auto accept = [](std::string_view what, std::size_t value, std::size_t least,
                         std::size_t most) -> Result<void> {
    if (value >= least && value <= most) return {};
    return failure(Error::Kind::invalid, std::string(what) + ": " + std::to_string(value) +
                                             "; accepted: " + std::to_string(least) + " to " +
                                             std::to_string(most));
  };
  return accept("hardware contexts", options.cpus.size(), 0, ContextPool::kMaxHardwareContexts)
      .and_then([&] { return accept("contexts", options.contexts, 1, ContextPool::kMaxContexts); })
      .and_then([&] { return accept("queued starts", options.queue, 1, ContextPool::kMaxQueue); });
}

}  // namespace

Result<std::unique_ptr<ContextPool>> ContextPool::open(const Options& options) {
  if (Result<void> checked = check(options); !checked) return tl::unexpected(checked.error());
  std::unique_ptr<ContextPool> pool(new ContextPool(options));
  const std::size_t workers = std::max<std::size_t>(options.cpus.size(), 1);
  for (std::size_t index = 0; index < workers; ++index) {
    std::optional<int> cpu;
    if (!options.cpus.empty()) cpu = options.cpus[index];
    auto hardware = HardwareContext::open({.cpu = cpu,
                                           .contexts = (options.contexts + workers - 1) / workers,
                                           .stack = options.stack},
                                          pool->ready_);
    if (!hardware) return tl::unexpected(hardware.error());
    pool->hardware_.push_back(std::move(*hardware));
  }
  return pool;
}

ContextPool::ContextPool(const Options& options)
    : eviction_(options.eviction), ready_(options.queue) {
  const std::size_t workers = std::max<std::size_t>(options.cpus.size(), 1);
  hardware_.reserve(workers);
  candidates_.reserve(workers);
}

ContextPool::~ContextPool() { SMTNI_EXPECT(drain(in(std::chrono::minutes(1)))); }

Started ContextPool::start(const Start& start) noexcept {
  // A victim may end, or a worker turn to the queue, between the look and the offer. Bounded, since
  // declining is always right.
  constexpr int kAttempts = 4;
  Started outcome = Started::none;
  for (int attempt = 0; attempt < kAttempts && outcome == Started::none; ++attempt) {
    if (start_on_idle(start)) {
      outcome = Started::on_idle_context;
      break;
    }
    const std::optional<std::size_t> victim = choose_victim(start.priority);
    if (!victim) break;
    if (hardware_[*victim]->offer(start, HardwareContext::State::running)) {
      outcome = Started::by_eviction;
    }
  }
  // One writer. Relaxed: read by drain(), whose caller has stopped the starter, and as statistics.
  std::atomic<std::uint64_t>& count = outcome == Started::none ? declined_ : posted_;
  count.store(count.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  return outcome;
}

bool ContextPool::start_on_idle(const Start& start) noexcept {
  return std::any_of(hardware_.begin(), hardware_.end(), [&start](auto& hardware) {
    return hardware->offer(start, HardwareContext::State::idle);
  });
}

std::optional<std::size_t> ContextPool::choose_victim(int newcomer) noexcept {
  if (std::holds_alternative<NoEviction>(eviction_)) return std::nullopt;
  candidates_.clear();
  for (std::size_t index = 0; index < hardware_.size(); ++index) {
    if (const auto candidate = hardware_[index]->candidate(index)) {
      candidates_.push_back(*candidate);
    }
  }
  // Not std::visit, which may throw.
  if (std::holds_alternative<Oldest>(eviction_)) return Oldest::choose(candidates_, newcomer);
  return LowestPriority::choose(candidates_, newcomer);
}

bool ContextPool::submit(const Start& start) noexcept {
  if (!ready_.push(start)) return false;
  submitted_.fetch_add(1, std::memory_order_relaxed);  // as in start()
  return true;
}

bool ContextPool::drain(Deadline until) noexcept {
  const std::uint64_t accepted =
      posted_.load(std::memory_order_relaxed) + submitted_.load(std::memory_order_relaxed);
  constexpr int kPausesBeforeYield = 1024;
  while (counters().ended != accepted) {  // [ended]
    if (has_passed(until)) return false;
    for (int turn = 0; turn < kPausesBeforeYield && counters().ended != accepted; ++turn) {
      cpu_pause();
    }
    ::sched_yield();
  }
  return true;
}

ContextPool::Counters ContextPool::counters() const noexcept {
  Counters sum;
  for (const auto& hardware : hardware_) {
    const HardwareContext::Counters part = hardware->counters();
    sum.started += part.started;
    sum.evictions += part.evictions;
    sum.resumed += part.resumed;
    sum.ended += part.ended;
  }
  sum.declined = declined_.load(std::memory_order_relaxed);  // statistics
  return sum;
}

std::vector<std::string> ContextPool::notes() const {
  std::vector<std::string> notes;
  for (const auto& hardware : hardware_) {
    if (std::string note = hardware->note(); !note.empty()) notes.push_back(std::move(note));
  }
  return notes;
}

}  // namespace smtni::threads
