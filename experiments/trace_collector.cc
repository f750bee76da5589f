#include "experiments/trace_collector.h"

#include <sched.h>

#include <algorithm>
#include <bit>
#include <utility>

#include "experiments/trace_exchange.h"
#include "threads/pinned_thread.h"

namespace smtni::experiments {
namespace {

// Between messages: longer than a parking wait spins, so that it is asleep by then.
constexpr std::chrono::microseconds kGap{100};
constexpr std::uint32_t kLooksBeforeYield = 1U << 14;
constexpr Bytes kCacheLeast{64 * 1024};

}  // namespace

Result<void> TraceExchange::open(notify::Role role) {
  auto interface = ni::Interface::start({
      .drive = conditions_.drive,
      .placement = Placement::at(conditions_.cpus),
      .wrap_wire = [this](std::unique_ptr<ni::Wire> wire) { return tracer_.wrap(std::move(wire)); },
  });
  if (!interface) return tl::unexpected(interface.error());
  interface_.emplace(*std::move(interface));
  const bool waits = role == notify::Role::waits;
  const Bytes room(std::max(kCacheLeast.count(), std::bit_ceil(conditions_.payload_bytes + 1) * 4));
  auto inbox = interface_->open_endpoint(
      {.message_cache = room,
       .notify = waits ? std::string_view(conditions_.mechanism) : "poll/pause"});
  if (!inbox) return tl::unexpected(inbox.error());
  auto outbox = interface_->open_endpoint({.send_buffer = room, .notify = "poll/pause"});
  if (!outbox) return tl::unexpected(outbox.error());
  inbox_.emplace(*std::move(inbox));
  outbox_.emplace(*std::move(outbox));
  return {};
}

Result<std::vector<Journey>> TraceExchange::run() {
  // Opened once to know its role, and whether this machine can do it.
  notify::Role role{};
  {
    const auto binding = notify::Binding::open(conditions_.mechanism, mechanism_options());
    if (!binding) return tl::unexpected(binding.error());
    role = binding->info().role;
  }
  if (auto opened = open(role); !opened) return tl::unexpected(opened.error());
  if (auto done = exchange(role); !done) return tl::unexpected(done.error());
  if (!receiver_result_) return tl::unexpected(receiver_result_.error());
  if (!sender_fault_.empty()) return failure(Error::Kind::timed_out, sender_fault_);
  if (is_broken_.load(std::memory_order_relaxed)) {  // relaxed: its writers have been joined
    return failure(Error::Kind::corrupt, "a payload came that was not sent");
  }
  const auto first = journeys_.begin() + static_cast<std::ptrdiff_t>(conditions_.warm_up);
  return std::vector<Journey>(first, journeys_.end() - 1);
}

Result<void> TraceExchange::exchange(notify::Role role) {
  std::optional<threads::PinnedThread> receiver;
  if (role == notify::Role::spawns) {
    if (auto armed = spawn(); !armed) return armed;
  } else {
    auto started = threads::PinnedThread::start(
        {.name = "receiver", .cpu = conditions_.cpus.receiver},
        [this, role] { role == notify::Role::waits ? wait_and_handle() : compute_and_branch(); });
    if (!started) return tl::unexpected(started.error());
    receiver.emplace(*std::move(started));
  }
  auto sender = threads::PinnedThread::start({.name = "sender", .cpu = conditions_.cpus.sender},
                                             [this] { send_all(); });
  if (sender) {
    sender->join();
  } else {
    is_over_.store(true, std::memory_order_release);  // [over]
  }
  if (receiver) receiver->join();
  inbox_->stop_handling();
  if (!sender) return tl::unexpected(sender.error());
  return {};
}

template <class Done>
bool TraceExchange::await(Done done, Deadline until) const noexcept {
  const std::uint32_t yield_every = sender_shares_cpu() ? 1 : kLooksBeforeYield;
  for (std::uint32_t look = 1; !done(); ++look) {
    if (look % yield_every == 0) {
      if (has_passed(until)) return false;
      ::sched_yield();
    }
    cpu_pause();
  }
  return true;
}

void TraceExchange::send_all() noexcept {
  const auto is_over = [this] { return is_over_.load(std::memory_order_acquire); };  // [over]
  (void)await([&] { return is_ready_.load(std::memory_order_acquire) || is_over(); },
              in(kPatience));
  for (std::uint64_t number = 0; number < last() && !is_over(); ++number) {
    if (conditions_.stop.stop_requested()) break;
    // Their first stamps must not wait for these lines: a lock on the way would wait for the
    // stamps.
    prefetch_for_write(&journeys_[number].sender);
    if (drive_for(conditions_.cpus) == ni::Drive::in_the_call) {
      prefetch_for_write(&journeys_[number].ni);
    }
    const Deadline next = in(kGap);
    (void)await([next] { return has_passed(next); }, in(kPatience));
    if (!send(number)) break;
  }
  is_over_.store(true, std::memory_order_release);  // [over]
  (void)outbox_->send(inbox_->address(), {}, {.user_data = last()});
}

bool TraceExchange::send(std::uint64_t number) noexcept {
  Journey::Sender& stamps = journeys_[number].sender;
  stamps.composing = Stamp::take();
  std::fill(payload_.begin(), payload_.end(), static_cast<std::byte>(number & 0xFF));
  stamps.sending = Stamp::take();
  const ni::Sent sent = outbox_->send(inbox_->address(), payload_, {.user_data = number});
  stamps.sent = Stamp::take();
  const bool is_handled =
      sent && await(
                  [this, number] {
                    return handled_.load(std::memory_order_acquire) > number &&  // [handled]
                           tracer_.notifications() > number;
                  },
                  in(kPatience));
  if (!is_handled) {
    sender_fault_ = "message " + std::to_string(number) +
                    (sent ? " was not handled within 10 s" : " could not be sent");
  }
  return is_handled;
}

ni::Drive drive_for(const RoleCpus& cpus) noexcept {
  const bool has_its_own = cpus.ni != cpus.sender && cpus.ni != cpus.receiver;
  return has_its_own ? ni::Drive::dedicated : ni::Drive::in_the_call;
}

Result<std::vector<Journey>> collect_journeys(const TraceConditions& conditions) {
  return TraceExchange(conditions).run();
}

}  // namespace smtni::experiments
