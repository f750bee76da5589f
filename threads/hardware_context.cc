#include "threads/hardware_context.h"

#include <sched.h>

#include <algorithm>
#include <chrono>

#include "core/deadline.h"
#include "core/expect.h"
#include "core/tsc_clock.h"
#include "threads/fault.h"

namespace smtni::threads {
namespace {

// One writer, so no read-modify-write is needed.
void count(std::atomic<std::uint64_t>& counter, std::memory_order order) noexcept {
  counter.store(counter.load(std::memory_order_relaxed) + 1, order);
}

}  // namespace

Result<std::unique_ptr<HardwareContext>> HardwareContext::open(const Options& options,
                                                               ReadyQueue& ready) {
  std::unique_ptr<HardwareContext> self(new HardwareContext(ready));
  self->contexts_.reserve(options.contexts);
  self->free_.reserve(options.contexts);
  self->suspended_.reserve(options.contexts);
  for (std::size_t index = 0; index < options.contexts; ++index) {
    Result<Stack> stack = Stack::create(options.stack, "context");
    if (!stack) return tl::unexpected(stack.error());
    self->contexts_.push_back(std::make_unique<Context>(std::move(*stack)));
    self->free_.push_back(self->contexts_.back().get());
  }
  Result<PinnedThread> worker = PinnedThread::start({.name = "smtni-context", .cpu = options.cpu},
                                                    [raw = self.get()] { raw->work(); });
  if (!worker) return tl::unexpected(worker.error());
  self->worker_.emplace(std::move(*worker));
  return self;
}

HardwareContext::~HardwareContext() {
  if (!worker_) return;
  SpinDeadline patience(in(std::chrono::seconds(60)));
  for (State idle = State::idle;
       // Relaxed: the joined thread orders everything.
       !mailbox_.state.compare_exchange_weak(idle, State::stopping, std::memory_order_relaxed);
       idle = State::idle) {
    SMTNI_EXPECT(!patience.passed());
    ::sched_yield();
  }
}

std::optional<Candidate> HardwareContext::candidate(std::size_t own_index) const noexcept {
  // Relaxed, all three: a stale choice is caught by offer() or is as good as any.
  if (mailbox_.state.load(std::memory_order_relaxed) != State::running) return std::nullopt;
  return Candidate{own_index, TscInstant(status_.running_since.load(std::memory_order_relaxed)),
                   status_.priority.load(std::memory_order_relaxed)};
}

HardwareContext::Counters HardwareContext::counters() const noexcept {
  Counters counters;
  counters.ended = status_.ended.load(std::memory_order_acquire);  // [ended]
  counters.started = status_.started.load(std::memory_order_relaxed);
  counters.evictions = status_.evictions.load(std::memory_order_relaxed);
  counters.resumed = status_.resumed.load(std::memory_order_relaxed);
  return counters;
}

void HardwareContext::leave_running(Leaving leaving) noexcept {
  if (current == nullptr) return;
  Context& context = *current->running_;
  context.leaving = leaving;
  context.fiber.suspend();
}

void HardwareContext::run_starts(void* context) {
  Context& self = *static_cast<Context*>(context);
  while (self.start.run != nullptr) {
    run_guarded(self.start.name,
                [&start = self.start] { start.run(start.argument, start.record); });
    self.leaving = Leaving::ended;
    self.fiber.suspend();
  }
}

void HardwareContext::work() noexcept {
  current = this;
  polled = &mailbox_.state;
  for (State state = await_work(); state != State::stopping; state = await_work()) {
    Context* next = state == State::posted ? begin(mailbox_.start) : begin_queued();
    while (next != nullptr) next = choose_next(run(*next));
    // Busy until here. Release: the next starter sees all that this thread has read and done.
    mailbox_.state.store(State::idle, std::memory_order_release);
  }
  end_contexts();
}

// Unbounded: it ends when the pool does. The processor is this thread's own by design, so it spins;
// where it is not, the others get their turn by sched_yield.
HardwareContext::State HardwareContext::await_work() noexcept {
  constexpr int kPausesBeforeYield = 1024;
  for (;;) {
    for (int turn = 0; turn < kPausesBeforeYield; ++turn) {
      State state = mailbox_.state.load(std::memory_order_acquire);  // [start]
      if (state != State::idle) return state;
      // Relaxed: leaving idle for the queue publishes nothing and reads nothing.
      if (ready_.may_have_any() &&
          mailbox_.state.compare_exchange_strong(state, State::busy, std::memory_order_relaxed)) {
        return State::busy;
      }
      cpu_pause();
    }
    ::sched_yield();
  }
}

HardwareContext::Leaving HardwareContext::run(Context& context) noexcept {
  running_ = &context;
  status_.running_since.store(context.started.reading(), std::memory_order_relaxed);
  status_.priority.store(context.start.priority, std::memory_order_relaxed);
  // [taken] release: posted or busy until here.
  mailbox_.state.store(free_.empty() ? State::busy : State::running, std::memory_order_release);
  context.fiber.resume();
  if (context.leaving == Leaving::ended) {
    free_.push_back(&context);
    count(status_.ended, std::memory_order_release);  // [ended]
  } else {
    suspended_.push_back(&context);
  }
  return context.leaving;
}

// A posted start goes first. Then one that has ended makes room for the longest-suspended, and one
// that yields for a queued one, so that neither kind waits for the other kind to run out.
HardwareContext::Context* HardwareContext::choose_next(Leaving last) noexcept {
  State seen = State::running;
  // [start] acquire, when it fails on posted.
  if (!mailbox_.state.compare_exchange_strong(seen, State::busy, std::memory_order_acquire) &&
      seen == State::posted) {
    if (last == Leaving::evicted) count(status_.evictions, std::memory_order_relaxed);
    return begin(mailbox_.start);
  }
  Context* next = last == Leaving::ended ? continue_suspended() : begin_queued();
  if (next != nullptr) return next;
  return last == Leaving::ended ? begin_queued() : continue_suspended();
}

// REQUIRES: a context is free, as one is whenever a start could be posted.
HardwareContext::Context* HardwareContext::begin(const Start& start) noexcept {
  SMTNI_EXPECT_HOT(!free_.empty());
  Context* context = free_.back();
  free_.pop_back();
  context->start = start;
  context->started = TscClock::now();
  context->stack.rename(start.name);
  count(status_.started, std::memory_order_relaxed);
  return context;
}

HardwareContext::Context* HardwareContext::begin_queued() noexcept {
  if (free_.empty() || !ready_.may_have_any()) return nullptr;
  const std::optional<Start> start = ready_.pop();
  return start ? begin(*start) : nullptr;
}

HardwareContext::Context* HardwareContext::continue_suspended() noexcept {
  if (suspended_.empty()) return nullptr;
  Context* context = suspended_.front();
  suspended_.erase(suspended_.begin());
  if (context->leaving == Leaving::evicted) count(status_.resumed, std::memory_order_relaxed);
  return context;
}

void HardwareContext::end_contexts() noexcept {
  SMTNI_EXPECT(suspended_.empty());
  for (Context* context : free_) {
    context->start = Start{};
    context->fiber.resume();
  }
}

}  // namespace smtni::threads
