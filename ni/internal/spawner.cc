#include "ni/internal/spawner.h"

#include <mutex>
#include <utility>

#include "threads/fault.h"

namespace smtni::ni {

Spawner::Spawner(RingConsumer& cache, SpinLock& inlet, Entry entry, std::string name,
                 notify::Binding& contexts, notify::Binding* fallback, Records* records,
                 const Spill* spill, Refill refill)
    : cache_(cache),
      inlet_(inlet),
      entry_(std::move(entry)),
      name_(std::move(name)),
      contexts_(contexts),
      fallback_(fallback),
      records_(records),
      spill_(spill),
      refill_(std::move(refill)) {}

notify::Entry Spawner::entry() noexcept { return {run, this, name_}; }

void Spawner::run(void* spawner, const void* claim) {
  auto& self = *static_cast<Spawner*>(spawner);
  // The record was handed out as const; the claim behind it is the spawner's own.
  auto* current = const_cast<Claim*>(static_cast<const Claim*>(claim));
  while (current != nullptr) {
    threads::run_guarded(self.name_, [&] { self.entry_(current->message); });
    current = self.end(*current);
  }
}

Spawner::Claim* Spawner::claim_next() noexcept {
  if (is_full()) release_ended();
  if (is_full()) return nullptr;
  std::optional<Message> message = cache_.take();
  if (!message && has_spilled()) {
    release_ended();  // the room that what is behind the cache waits for
    if (refill_()) message = cache_.take();
  }
  if (!message) return nullptr;
  Claim& claim = claim_at(next_++);
  claim.message = *message;
  claim.has_ended.store(false, std::memory_order_relaxed);  // relaxed: its start orders it
  return &claim;
}

bool Spawner::start(const Claim& claim) noexcept {
  if (records_ != nullptr ? start_on_record(claim) : contexts_.notify(&claim)) {
    ++counts_.started;
    return true;
  }
  if (fallback_ != nullptr) {
    record(claim, *fallback_, notify::Fallback::os_thread);
    if (fallback_->notify(&claim)) {
      ++counts_.os_threads;
      return true;
    }
  }
  record(claim, contexts_, notify::Fallback::deferred);
  return false;
}

// The record is as expected before the context can read it. A message that was deferred stays so.
bool Spawner::start_on_record(const Claim& claim) noexcept {
  const std::uint64_t position = claim.message.position;
  const bool is_first_try = &claim != waiting_;
  if (is_first_try) records_->tell(position, contexts_, contexts_.expected());
  const notify::FallbackCounts before = contexts_.fallbacks();
  if (!contexts_.notify(&claim)) return false;
  if (is_first_try) records_->correct(position, before, contexts_);
  return true;
}

void Spawner::record(const Claim& claim, const notify::Binding& method,
                     notify::Fallback fallback) noexcept {
  if (records_ != nullptr) records_->tell(claim.message.position, method, fallback);
}

bool Spawner::dispatch() noexcept {
  bool is_settled = true;
  for (;;) {
    Claim* const claim = waiting_ != nullptr ? waiting_ : claim_next();
    if (claim == nullptr && !is_full() && !has_spilled()) break;
    if (claim != nullptr && start(*claim)) {
      waiting_ = nullptr;
      continue;
    }
    if (claim != nullptr && waiting_ == nullptr) ++counts_.deferred;
    waiting_ = claim;
    is_settled = leave_to_a_context();
    break;
  }
  if (next_ - first_ >= kReleaseAfter) release_ended();
  return is_settled;
}

// True when a context runs that will see, as it ends, that a message waits.
bool Spawner::leave_to_a_context() noexcept {
  is_deferring_.store(true, std::memory_order_seq_cst);  // [defer]
  for (std::uint64_t number = first_; number != next_; ++number) {
    const Claim& claim = claim_at(number);
    // [defer], and [ended].
    if (&claim != waiting_ && !claim.has_ended.load(std::memory_order_seq_cst)) return true;
  }
  return false;
}

void Spawner::stop() noexcept {
  is_stopping_ = true;
  if (waiting_ == nullptr) return;
  cache_.put_back(waiting_->message);  // it was claimed last: nothing is while it waits
  waiting_ = nullptr;
  --next_;
}

Spawner::Claim* Spawner::end(Claim& claim) noexcept {
  // [ended] release, and [defer]. From here on the claim is the spawner's.
  claim.has_ended.store(true, std::memory_order_seq_cst);
  if (!is_deferring_.load(std::memory_order_seq_cst)) return nullptr;  // [defer]

  const std::lock_guard guard(inlet_);
  Claim* next = nullptr;
  if (!is_stopping_ && waiting_ != nullptr) {
    next = std::exchange(waiting_, nullptr);
  } else if (!is_stopping_) {
    next = claim_next();
    if (next != nullptr) {  // its turn comes, and no other context is to be had
      ++counts_.deferred;
      record(*next, contexts_, notify::Fallback::deferred);
    }
  }
  if (next != nullptr) {
    ++counts_.continued;
  } else if (!is_full() && !has_spilled()) {
    // Nothing waits. relaxed: whoever sets it holds the lock, too.
    is_deferring_.store(false, std::memory_order_relaxed);
  }
  return next;
}

void Spawner::release_ended() noexcept {
  // [ended] acquire: the context has read the message for the last time.
  while (first_ != next_ && &claim_at(first_) != waiting_ &&
         claim_at(first_).has_ended.load(std::memory_order_acquire)) {
    cache_.release_through(claim_at(first_).message);
    ++first_;
  }
  cache_.give_room();
}

}  // namespace smtni::ni
