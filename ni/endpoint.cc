#include "ni/endpoint.h"

#include <sched.h>

#include <mutex>
#include <utility>

#include "ni/internal/core.h"
#include "ni/internal/held.h"

namespace smtni::ni {
namespace {

constexpr std::chrono::milliseconds kClosingPatience{100};

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
  const BranchesHeld held;
  port_->views.give_back(port_->message_cache->consumer(), message_);
}

NotificationRecord Received::record() const noexcept {
  SMTNI_EXPECT_HOT(port_ != nullptr);
  return port_->records.read(message_);
}

NotificationRecord Endpoint::record_of(const Message& message) const noexcept {
  return port_->records.read(message);
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

Received Endpoint::try_receive() noexcept {
  if (port_ == nullptr) return {};
  SMTNI_EXPECT_HOT(!port_->views.is_full() && !port_->is_branching && !port_->spawner);
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
  SMTNI_EXPECT_HOT(!port_->views.is_full() && !port_->is_branching && !port_->spawner);
  // Over the wait, too: some mechanisms wait with a lock held that a handler's send would take.
  const BranchesHeld held;
  if (Received message = take_from(*port_)) return message;
  const auto news = [this]() noexcept { return port_->has_news() || core_->is_stopped(); };
  port_->coalescer.ask(port_->taken);  // before the wait looks for news
  port_->own_binding->wait(news, until);
  return take_from(*port_);
}

Result<void> Endpoint::close(Deadline until) {
  if (port_ == nullptr) return {};
  SMTNI_EXPECT(port_->views.is_empty());
  {
    const InletHeld guard(*port_);
    port_->is_open = false;
  }
  stop_handling();
  Port& port = *std::exchange(port_, nullptr);
  std::uint64_t left = 0;
  while (((left = port.send_buffer->producer().unread_lines()) != 0 ||
          port.requests.finished() != port.issued) &&
         !has_passed(until) && !core_->is_stopped()) {
    ::sched_yield();
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
  counts.coalesced = read(port_->counters.coalesced);
  if (port_->spill) {
    counts.spilled = port_->spill->counts().spilled;
    counts.refilled = port_->spill->counts().refilled;
  }
  counts.held_back = read(port_->counters.held_back);
  counts.undeliverable = read(port_->counters.undeliverable);
  counts.composed_bytes = read(port_->counters.composed_bytes);
  counts.staged_bytes = read(port_->counters.staged_bytes);
  counts.bubbles = read(port_->counters.bubbles);
  const InletHeld guard(*port_);
  Spawner::Counts spawned = port_->spawned;
  if (port_->spawner) spawned.add(port_->spawner->counts());
  counts.started = spawned.started;
  counts.continued = spawned.continued;
  counts.os_threads = spawned.os_threads;
  counts.deferred = spawned.deferred;
  notify::FallbackCounts fallbacks = port_->past_fallbacks;
  fallbacks.add(port_->binding->fallbacks());
  if (port_->waiting) fallbacks.add(port_->waiting->fallbacks());
  counts.evicted = fallbacks.evicted;
  counts.os_told = fallbacks.os_told;
  counts.masked = fallbacks.masked;
  return counts;
}

}  // namespace smtni::ni
