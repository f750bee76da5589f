#include <sched.h>

#include <algorithm>
#include <utility>

#include "experiments/trace_exchange.h"
#include "threads/chain.h"

namespace smtni::experiments {
namespace {

constexpr std::uint64_t kAdvancesBeforeYield = 64;

}  // namespace

// Reads the whole payload, as a handler would.
void TraceExchange::handle(std::uint64_t number, std::span<const std::byte> payload,
                           Stamp began) noexcept {
  const auto sent = static_cast<std::byte>(number & 0xFF);
  const bool is_whole =
      payload.size() == payload_.size() &&
      std::all_of(payload.begin(), payload.end(), [sent](std::byte one) { return one == sent; });
  // relaxed: read when all threads have been joined.
  if (!is_whole && number != last()) is_broken_.store(true, std::memory_order_relaxed);
  Journey::Receiver& stamps = journeys_[number].receiver;
  stamps.began = began;
  stamps.ended = Stamp::take();
}

void TraceExchange::end_receiving(Result<void> why) {
  receiver_result_ = std::move(why);
  is_over_.store(true, std::memory_order_release);  // [over]
}

void TraceExchange::wait_and_handle() noexcept {
  tracer_.watch(inbox_->binding());
  is_ready_.store(true, std::memory_order_release);  // [ready]
  for (;;) {
    std::uint64_t number = 0;
    {
      const ni::Received message = inbox_->receive(in(kPatience));
      const Stamp began = Stamp::take();
      if (!message) {
        if (is_over_.load(std::memory_order_acquire)) return;  // the sender knows why
        return end_receiving(
            failure(Error::Kind::timed_out, "a wait reached its deadline of 10 s"));
      }
      number = message->info.user_data;
      handle(number, message->payload, began);
    }
    journeys_[number].receiver.returned = Stamp::take();
    if (number == last()) return;
    handled_.store(number + 1, std::memory_order_release);  // [handled]
  }
}

void TraceExchange::compute_and_branch() {
  const auto handler = [this](const Message& message) {
    const Stamp began = Stamp::take();
    handle(message.info.user_data, message.payload, began);
    // relaxed: read by the same thread.
    branched_.store(message.info.user_data + 1, std::memory_order_relaxed);
  };
  auto armed = inbox_->on_message(
      handler, {.mechanism = conditions_.mechanism, .options = mechanism_options()});
  if (!armed) return end_receiving(std::move(armed));
  tracer_.watch(inbox_->binding());
  is_ready_.store(true, std::memory_order_release);  // [ready]

  threads::Chain chain;
  std::uint64_t seen = 0;
  while (!is_over_.load(std::memory_order_acquire)) {  // [over]
    inbox_->binding().compute(chain);
    const std::uint64_t branched = branched_.load(std::memory_order_relaxed);
    if (branched != seen) {
      journeys_[branched - 1].receiver.returned = Stamp::take();
      seen = branched;
      handled_.store(branched, std::memory_order_release);  // [handled]
    }
    if (sender_shares_cpu() && chain.advances() % kAdvancesBeforeYield == 0) ::sched_yield();
  }
  inbox_->stop_handling();
}

Result<void> TraceExchange::spawn() {
  const auto entry = [this](const Message& message) {
    const Stamp began = Stamp::take();
    const std::uint64_t number = message.info.user_data;
    handle(number, message.payload, began);
    if (number != last()) handled_.store(number + 1, std::memory_order_release);  // [handled]
  };
  auto armed = inbox_->spawn_on_message(entry, {.mechanism = conditions_.mechanism,
                                                .options = mechanism_options(),
                                                .os_thread_fallback = false});
  if (!armed) return armed;
  tracer_.watch(inbox_->binding());
  is_ready_.store(true, std::memory_order_release);  // [ready]
  return {};
}

}  // namespace smtni::experiments
