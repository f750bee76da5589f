#include "ni/endpoint.h"

#include <sched.h>

#include <algorithm>
#include <mutex>
#include <utility>

#include "ni/internal/core.h"
#include "ni/internal/port.h"
#include "threads/fault.h"

namespace smtni::ni {
namespace {

constexpr std::chrono::milliseconds kClosingPatience{100};

// The port whose handler may branch this thread, at any instruction with some mechanisms.
thread_local Port* branching_port = nullptr;

// Holds this thread's branches back while it is inside the library, so that a handler may use the
// library itself.
class BranchesHeld {
 public:
  BranchesHeld() noexcept {
    if (branching_port != nullptr && !branching_port->in_handler) [[unlikely]] {
      port_ = branching_port;
      port_->binding->mask();
    }
  }
  ~BranchesHeld() {
    if (port_ != nullptr) [[unlikely]]
      port_->binding->unmask();
  }
  BranchesHeld(const BranchesHeld&) = delete;
  BranchesHeld& operator=(const BranchesHeld&) = delete;

 private:
  Port* port_ = nullptr;
};

// The inlet lock in the endpoint's thread. Branches first: a handler that interrupted the holder
// could send to this very port.
class InletHeld {
 public:
  explicit InletHeld(Port& port) noexcept : guard_(port.inlet) {}  // [inlet]

 private:
  BranchesHeld held_;
  std::lock_guard<SpinLock> guard_;
};

// Gives a message back also when its handler throws.
class ReleaseAtEnd {
 public:
  explicit ReleaseAtEnd(RingConsumer& consumer) noexcept : consumer_(consumer) {}
  ~ReleaseAtEnd() { consumer_.release(); }
  ReleaseAtEnd(const ReleaseAtEnd&) = delete;
  ReleaseAtEnd& operator=(const ReleaseAtEnd&) = delete;

 private:
  RingConsumer& consumer_;
};

// The branch: everything that has arrived goes to the user's handler.
void handle_messages(void* argument, TscInstant /*notified*/) {
  auto& port = *static_cast<Port*>(argument);
  RingConsumer& cache = port.message_cache->consumer();
  port.in_handler = true;
  while (const std::optional<Message> message = cache.take()) {
    const ReleaseAtEnd release(cache);
    threads::run_guarded(port.handler_name, [&] { port.handler(*message); });
  }
  port.in_handler = false;
}

Result<std::unique_ptr<notify::Binding>> open_binding(std::string_view mechanism, notify::Role role,
                                                      const notify::Options& options) {
  auto binding = notify::Binding::open(mechanism, options);
  if (!binding) return tl::unexpected(binding.error());
  if (binding->info().role != role) {
    constexpr std::string_view kRoles[] = {"waits", "branches a running thread", "spawns contexts"};
    return failure(Error::Kind::invalid,
                   "'" + std::string(mechanism) + "' " +
                       std::string(kRoles[static_cast<int>(binding->info().role)]) +
                       "; accepted here: a mechanism that " +
                       std::string(kRoles[static_cast<int>(role)]) + " (see smtni list)");
  }
  return std::make_unique<notify::Binding>(*std::move(binding));
}

// REQUIRES: branches of this thread are held back.
Received take_from(Port& port) noexcept {
  const std::optional<Message> message = port.message_cache->consumer().take();
  if (!message) return {};
  port.view_is_out = true;
  return Received(port, *message);
}

Error::Kind as_error(Placed placed) noexcept {
  switch (placed) {
    case Placed::too_large:
      return Error::Kind::message_too_large;
    case Placed::nobody:
      return Error::Kind::closed;
    default:
      return Error::Kind::would_block;
  }
}

// Waits until the wire has settled all that it has taken so far.
Result<void> await_passage(const Core& core, Deadline until) {
  const std::uint64_t sent = core.wire_passage().taken;
  std::uint64_t settled = 0;
  while ((settled = core.wire_passage().settled) < sent) {
    if (has_passed(until) || core.is_stopped()) {
      return failure(Error::Kind::timed_out,
                     std::to_string(sent - settled) +
                         " packets of this interface were still on the wire when the endpoint "
                         "closed; they arrive if the interface runs on");
    }
    ::sched_yield();
  }
  return {};
}

}  // namespace

void Received::give_back() noexcept {
  port_->message_cache->consumer().release();
  port_->view_is_out = false;
}

Endpoint::Endpoint(std::shared_ptr<Core> core, Port& port) noexcept
    : core_(std::move(core)), port_(&port), address_(port.address) {}

Endpoint::Endpoint(Endpoint&& other) noexcept
    : core_(std::move(other.core_)),
      port_(std::exchange(other.port_, nullptr)),
      address_(other.address_) {}

Endpoint& Endpoint::operator=(Endpoint&& other) noexcept {
  std::swap(core_, other.core_);
  std::swap(port_, other.port_);
  std::swap(address_, other.address_);
  return *this;
}

Endpoint::~Endpoint() { (void)close(in(kClosingPatience)); }

Sent Endpoint::send(Address target, std::span<const std::byte> payload,
                    const SendOptions& options) noexcept {
  if (port_ == nullptr || core_->is_stopped()) return Error::Kind::closed;
  const BranchesHeld held;
  if (core_->drive() == Drive::in_the_call) {
    const Placed placed = core_->transmit({.origin = address_,
                                           .target = target,
                                           .type_id = options.type_id,
                                           .user_data = options.user_data,
                                           .notify = options.notify,
                                           .payload = payload});
    if (placed == Placed::yes) return {};
    return as_error(placed);
  }
  RingProducer& buffer = port_->send_buffer->producer();
  const std::optional<std::size_t> most = core_->max_payload_of(target);
  if (!most) return Error::Kind::closed;
  if (payload.size() > std::min({*most, buffer.max_payload(), core_->max_wire_payload()})) {
    return Error::Kind::message_too_large;
  }
  const MessageInfo info{.type_id = options.type_id,
                         .user_data = options.user_data,
                         .peer = target.word(),
                         .attributes = options.notify ? kNotificationWished : 0};
  if (!buffer.push(payload, info)) return Error::Kind::would_block;
  return {};
}

Received Endpoint::try_receive() noexcept {
  if (port_ == nullptr) return {};
  SMTNI_EXPECT_HOT(!port_->view_is_out && !port_->is_branching && !port_->spawner);
  const BranchesHeld held;
  return take_from(*port_);
}

bool Endpoint::has_news() noexcept {
  if (port_ == nullptr) return false;
  SMTNI_EXPECT_HOT(!port_->is_branching && !port_->spawner);
  const BranchesHeld held;
  return port_->has_news();
}

Received Endpoint::receive(Deadline until) noexcept {
  if (port_ == nullptr) return {};
  SMTNI_EXPECT_HOT(!port_->view_is_out && !port_->is_branching && !port_->spawner);
  // Over the wait, too: some mechanisms wait with a lock held that a handler's send would take.
  const BranchesHeld held;
  if (Received message = take_from(*port_)) return message;
  const auto news = [this]() noexcept { return port_->has_news() || core_->is_stopped(); };
  port_->binding->wait(news, until);
  return take_from(*port_);
}

Result<void> Endpoint::on_message(Handler handler, const OnMessage& options) {
  if (port_ == nullptr) return failure(Error::Kind::closed, "the endpoint is closed");
  if (branching_port != nullptr && branching_port != port_) {
    return failure(Error::Kind::invalid, "another endpoint's handler already branches this thread");
  }
  auto binding = open_binding(options.mechanism, notify::Role::branches, options.options);
  if (!binding) return tl::unexpected(binding.error());
  stop_handling();

  port_->handler = std::move(handler);
  port_->handler_name = options.name;
  if (auto armed = (*binding)->arm({handle_messages, port_, port_->handler_name}); !armed) {
    return armed;
  }
  {
    // No branch can come in here: nobody notifies through the new binding before the unlock.
    const std::lock_guard guard(port_->inlet);  // [inlet]
    port_->waiting = std::exchange(port_->binding, *std::move(binding));
    port_->is_branching = true;
    branching_port = port_;
  }
  const InletHeld guard(*port_);
  // What arrived before the binding did is news to it.
  if (port_->has_news()) port_->binding->notify(nullptr);
  return {};
}

void Endpoint::safepoint() noexcept {
  if (port_ != nullptr && port_->is_branching) port_->binding->safepoint();
}

Result<void> Endpoint::spawn_on_message(Handler entry, const SpawnOnMessage& options) {
  if (port_ == nullptr) return failure(Error::Kind::closed, "the endpoint is closed");
  auto binding = open_binding(options.mechanism, notify::Role::spawns, options.options);
  if (!binding) return tl::unexpected(binding.error());
  std::unique_ptr<notify::Binding> fallback;
  if (options.os_thread_fallback && options.mechanism != "spawn/os-thread") {
    auto opened = open_binding("spawn/os-thread", notify::Role::spawns, options.options);
    if (!opened) return tl::unexpected(opened.error());
    fallback = *std::move(opened);
  }
  stop_handling();

  auto spawner =
      std::make_unique<Spawner>(port_->message_cache->consumer(), port_->inlet, std::move(entry),
                                std::string(options.name), **binding, fallback.get());
  if (auto armed = (*binding)->arm(spawner->entry()); !armed) return armed;
  if (fallback) {
    if (auto armed = fallback->arm(spawner->entry()); !armed) {
      (*binding)->disarm();
      return armed;
    }
  }
  const InletHeld guard(*port_);
  port_->waiting = std::exchange(port_->binding, *std::move(binding));
  port_->fallback = std::move(fallback);
  port_->spawner = std::move(spawner);
  port_->spawner->dispatch();  // what arrived before
  return {};
}

void Endpoint::stop_handling() noexcept {
  if (port_ == nullptr || !port_->waiting) return;
  if (port_->is_branching) {
    SMTNI_EXPECT(branching_port == port_ && !port_->in_handler);
    port_->binding->disarm();
    port_->is_branching = false;
    branching_port = nullptr;
  }
  std::unique_ptr<Spawner> spawner;
  if (port_->spawner) {
    {
      const InletHeld guard(*port_);
      spawner = std::move(port_->spawner);  // from here on no context starts with a message
      spawner->stop();
    }
    port_->binding->disarm();
    if (port_->fallback) port_->fallback->disarm();
    spawner->release_ended();
    port_->spawned.add(spawner->counts());
  }
  std::unique_ptr<notify::Binding> disarmed;
  {
    const InletHeld guard(*port_);
    disarmed = std::exchange(port_->binding, std::move(port_->waiting));
  }
  port_->fallback.reset();
}

Result<void> Endpoint::close(Deadline until) {
  if (port_ == nullptr) return {};
  SMTNI_EXPECT(!port_->view_is_out);
  {
    const InletHeld guard(*port_);
    port_->is_open = false;
  }
  stop_handling();
  Port& port = *std::exchange(port_, nullptr);
  std::uint64_t left = 0;
  if (port.send_buffer) {
    while ((left = port.send_buffer->producer().unread_lines()) != 0 && !has_passed(until) &&
           !core_->is_stopped()) {
      ::sched_yield();
    }
  }
  core_->close_entry(port);
  core_->quiesce();
  core_->recycle(port);
  if (left == 0) return await_passage(*core_, until);
  return failure(Error::Kind::timed_out, std::to_string(left) +
                                             " lines of messages had not left when the endpoint "
                                             "closed; their targets had no room");
}

notify::Binding& Endpoint::binding() noexcept { return *port_->binding; }

Counters Endpoint::counters() const noexcept {
  Counters counts;
  if (port_ == nullptr) return counts;
  const auto read = [](const std::atomic<std::uint64_t>& counter) noexcept {
    return counter.load(std::memory_order_relaxed);  // relaxed: a statistic orders nothing
  };
  counts.placed = read(port_->counters.placed);
  counts.notified = read(port_->counters.notified);
  counts.silent = read(port_->counters.silent);
  counts.held_back = read(port_->counters.held_back);
  counts.undeliverable = read(port_->counters.undeliverable);
  const InletHeld guard(*port_);
  Spawner::Counts spawned = port_->spawned;
  if (port_->spawner) spawned.add(port_->spawner->counts());
  counts.started = spawned.started;
  counts.continued = spawned.continued;
  counts.os_threads = spawned.os_threads;
  counts.deferred = spawned.deferred;
  return counts;
}

}  // namespace smtni::ni
