#include "experiments/trace_collector.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <optional>
#include <span>
#include <utility>

#include "core/deadline.h"
#include "threads/chain.h"
#include "threads/pinned_thread.h"

namespace smtni::experiments {
namespace {

// Far beyond any honest delivery.
constexpr std::chrono::seconds kPatience{10};
// Between messages: longer than a parking wait spins, so that it is asleep by then.
constexpr std::chrono::microseconds kGap{100};
constexpr std::uint32_t kLooksBeforeYield = 1U << 14;
constexpr std::uint64_t kAdvancesBeforeYield = 64;
constexpr Bytes kCacheLeast{64 * 1024};

// One mechanism's messages, from a sender's thread to a receiver's, or to a context.
//
// Edge [handled]: the receiver, or the context, stores how many messages it is through with,
// release; the sender loads that with acquire, and sees the receiver's stamps.
class Collector {
 public:
  explicit Collector(const TraceConditions& conditions)
      : conditions_(conditions),
        // One more than there are: the last message only ends the receiver's wait.
        journeys_(conditions.warm_up + conditions.messages + 1),
        payload_(conditions.payload_bytes) {}

  Result<std::vector<Journey>> run();

 private:
  [[nodiscard]] notify::Options mechanism_options() const {
    return {.context_cpus = {conditions_.cpus.contexts.front()}};
  }
  [[nodiscard]] std::uint64_t last() const noexcept { return journeys_.size() - 1; }
  [[nodiscard]] bool sender_shares_cpu() const noexcept {
    return conditions_.cpus.sender == conditions_.cpus.receiver ||
           (conditions_.drive == ni::Drive::dedicated &&
            conditions_.cpus.sender == conditions_.cpus.ni);
  }

  Result<void> open(notify::Role role);
  Result<void> spawn();
  Result<void> exchange(notify::Role role);

  // The sender's.
  void send_all() noexcept;
  bool send(std::uint64_t number) noexcept;
  template <class Done>
  bool await(Done done, Deadline until) const noexcept;

  // The receiver's.
  void wait_and_handle() noexcept;
  void compute_and_branch();
  void handle(std::uint64_t number, std::span<const std::byte> payload, Stamp began) noexcept;
  void end_receiving(Result<void> why);

  const TraceConditions& conditions_;
  std::vector<Journey> journeys_;
  std::vector<std::byte> payload_;
  Tracer tracer_{journeys_};
  std::optional<ni::Interface> interface_;
  std::optional<ni::Endpoint> inbox_;
  std::optional<ni::Endpoint> outbox_;
  std::string sender_fault_;           // the sender's; empty: none
  Result<void> receiver_result_ = {};  // the receiver's
  std::atomic<bool> is_ready_{false};  // release, acquire: what the receiver has armed
  std::atomic<bool> is_over_{false};
  alignas(kLinePair) std::atomic<std::uint64_t> handled_{0};
  // The receiver's: written in its handler, which may interrupt it anywhere.
  alignas(kLinePair) std::atomic<std::uint64_t> branched_{0};
  std::atomic<bool> is_broken_{false};  // a payload came that was not sent
};

Result<void> Collector::open(notify::Role role) {
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

Result<std::vector<Journey>> Collector::run() {
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

Result<void> Collector::exchange(notify::Role role) {
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
    is_over_.store(true, std::memory_order_release);
  }
  if (receiver) receiver->join();
  inbox_->stop_handling();
  if (!sender) return tl::unexpected(sender.error());
  return {};
}

template <class Done>
bool Collector::await(Done done, Deadline until) const noexcept {
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

void Collector::send_all() noexcept {
  const auto is_over = [this] { return is_over_.load(std::memory_order_acquire); };
  (void)await([&] { return is_ready_.load(std::memory_order_acquire) || is_over(); },
              in(kPatience));
  for (std::uint64_t number = 0; number < last() && !is_over(); ++number) {
    if (conditions_.stop.stop_requested()) break;
    const Deadline next = in(kGap);
    (void)await([next] { return has_passed(next); }, in(kPatience));
    if (!send(number)) break;
  }
  is_over_.store(true, std::memory_order_release);
  (void)outbox_->send(inbox_->address(), {}, {.user_data = last()});
}

bool Collector::send(std::uint64_t number) noexcept {
  Journey::Sender& stamps = journeys_[number].sender;
  stamps.composing = Stamp::take();
  std::memset(payload_.data(), static_cast<int>(number & 0xFF), payload_.size());
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

// Reads the whole payload, as a handler would.
void Collector::handle(std::uint64_t number, std::span<const std::byte> payload,
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

void Collector::end_receiving(Result<void> why) {
  receiver_result_ = std::move(why);
  is_over_.store(true, std::memory_order_release);
}

void Collector::wait_and_handle() noexcept {
  tracer_.watch(inbox_->binding());
  is_ready_.store(true, std::memory_order_release);
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

void Collector::compute_and_branch() {
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
  is_ready_.store(true, std::memory_order_release);

  threads::Chain chain;
  std::uint64_t seen = 0;
  while (!is_over_.load(std::memory_order_acquire)) {
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

Result<void> Collector::spawn() {
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
  is_ready_.store(true, std::memory_order_release);
  return {};
}

}  // namespace

ni::Drive drive_for(const RoleCpus& cpus) noexcept {
  const bool has_its_own = cpus.ni != cpus.sender && cpus.ni != cpus.receiver;
  return has_its_own ? ni::Drive::dedicated : ni::Drive::in_the_call;
}

Result<std::vector<Journey>> collect_journeys(const TraceConditions& conditions) {
  return Collector(conditions).run();
}

}  // namespace smtni::experiments
