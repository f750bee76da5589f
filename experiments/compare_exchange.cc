#include "experiments/compare_exchange.h"

#include <sched.h>

namespace smtni::experiments {
namespace {

// Some 300 us of looks, more than any honest wake-up: yielding is for a receiver that cannot run.
constexpr int kLooks = 20'000;

template <class Condition>
bool await(Condition holds, bool shares_cpu, std::uint64_t& yields) noexcept {
  const Deadline until = patience_from_now();
  const int looks = shares_cpu ? 0 : kLooks;
  for (int look = 0; !holds(); ++look) {
    if (look < looks) {
      cpu_pause();
      continue;
    }
    look = looks;
    if (has_passed(until)) return false;
    ::sched_yield();
    ++yields;
  }
  return true;
}

}  // namespace

Exchange::Exchange(std::size_t messages_max, bool shares_cpu) : shares_cpu_(shares_cpu) {
  latencies_.reserve(messages_max);
}

bool Exchange::await_handled(std::uint64_t count) noexcept {
  return await([&] { return handled_.load(std::memory_order_acquire) >= count; },  // [handle]
               shares_cpu_, notifier_yields_);
}

bool Exchange::await_ready() noexcept {
  const auto is_ready = [&] { return ready_.load(std::memory_order_acquire); };  // [ready]
  (void)await([&] { return is_ready() || has_ended(); }, shares_cpu_, notifier_yields_);
  return is_ready();
}

TscInstant Exchange::await_start() const noexcept {
  const auto start = [&] { return start_.load(std::memory_order_acquire); };  // [start]
  std::uint64_t yields = 0;
  (void)await([&] { return start() != 0 || has_ended(); }, shares_cpu_, yields);
  return TscInstant(start());
}

void pass_time(TscInstant until, bool shares_cpu) noexcept {
  while (TscClock::now() < until) {
    if (shares_cpu) {
      ::sched_yield();
    } else {
      cpu_pause();
    }
  }
}

}  // namespace smtni::experiments
