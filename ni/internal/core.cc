#include "ni/internal/core.h"

#include <sched.h>

#include <algorithm>

namespace smtni::ni {
namespace {

// Messages of one endpoint before the next endpoint's turn.
constexpr int kTurn = 8;

// Passes without work before an NI that owns its CPU lets others at it for a moment.
constexpr std::uint32_t kIdlePasses = 1U << 14;

// More passes than there ever are: the NI thread has ended.
constexpr std::uint64_t kEnded = ~std::uint64_t{0};

}  // namespace

Core::Core(Drive drive, std::unique_ptr<Wire> wire) noexcept
    : drive_(drive), wire_(std::move(wire)), max_wire_payload_(wire_->max_payload()) {}

Core::~Core() { stop(); }

Result<void> Core::start(const RoleCpus& cpus) {
  const bool shares = cpus.ni == cpus.receiver;
  auto thread = threads::PinnedThread::start({.name = "smtni-ni", .cpu = cpus.ni},
                                             [this, shares] { run(shares); });
  if (!thread) return tl::unexpected(thread.error());
  note_ = thread->note();
  thread_.emplace(std::move(*thread));
  return {};
}

void Core::stop() noexcept {
  stopped_.store(true, std::memory_order_release);  // [stop]
  thread_.reset();
  const std::lock_guard guard(control_);
  for (const auto& port : owned_) {
    const std::lock_guard inlet(port->inlet);  // [inlet]
    if (!port->is_open || port->binding->info().role != notify::Role::waits) continue;
    port->binding->notify(nullptr);
  }
}

Placed Core::place(const Packet& packet) noexcept {
  if (packet.target.index() >= entries_.size()) return Placed::nobody;
  Port* const port =
      entries_[packet.target.index()].port.load(std::memory_order_acquire);  // [open]
  return port == nullptr ? Placed::nobody : port->place(packet);
}

Result<Port*> Core::add_port(const EndpointOptions& options,
                             std::unique_ptr<notify::Binding> binding) {
  auto cache = MessageRing::create(options.message_cache);
  if (!cache) return tl::unexpected(cache.error());
  std::optional<MessageRing> buffer;
  if (drive_ == Drive::dedicated) {
    auto ring = MessageRing::create(options.send_buffer);
    if (!ring) return tl::unexpected(ring.error());
    buffer.emplace(std::move(*ring));
  }

  const std::lock_guard guard(control_);
  if (free_.empty()) {
    if (owned_.size() == entries_.size()) {
      return failure(Error::Kind::would_block,
                     "all " + std::to_string(entries_.size()) + " endpoints are open");
    }
    owned_.push_back(std::make_unique<Port>());
    owned_.back()->address = Address(static_cast<std::uint16_t>(owned_.size() - 1), 0);
    free_.push_back(owned_.back().get());
  }
  Port& port = *free_.back();
  free_.pop_back();
  {
    const std::lock_guard inlet(port.inlet);  // [inlet]
    const std::uint16_t last = port.address.generation();
    port.address =
        Address(port.address.index(), static_cast<std::uint16_t>(last == 0xFFFF ? 1 : last + 1));
    port.message_cache.emplace(std::move(*cache));
    port.send_buffer = std::move(buffer);
    port.binding = std::move(binding);
    port.is_open = true;
    port.holds_silent = false;
  }
  Entry& entry = entries_[port.address.index()];
  entry.max_payload.store(port.message_cache->max_payload(), std::memory_order_relaxed);
  entry.address.store(port.address.word(), std::memory_order_release);  // [open] for max_payload
  entry.port.store(&port, std::memory_order_release);                   // [open]
  used_entries_.store(static_cast<std::uint32_t>(owned_.size()), std::memory_order_release);
  return &port;
}

void Core::recycle(Port& port) noexcept {
  const std::lock_guard guard(control_);
  {
    const std::lock_guard inlet(port.inlet);  // [inlet]
    port.send_buffer.reset();
    port.message_cache.reset();
    port.held.reset();
    port.binding.reset();
    port.waiting.reset();
    port.fallback.reset();
    port.spawner.reset();
    port.spawned = {};
  }
  port.handler = nullptr;
  port.is_branching = port.in_handler = port.view_is_out = false;
  for (auto* counter : {&port.counters.placed, &port.counters.notified, &port.counters.silent,
                        &port.counters.held_back, &port.counters.undeliverable}) {
    counter->store(0, std::memory_order_relaxed);  // relaxed: statistics
  }
  free_.push_back(&port);
}

void Core::close_entry(const Port& port) noexcept {
  Entry& entry = entries_[port.address.index()];
  entry.address.store(0, std::memory_order_relaxed);  // relaxed: place() decides under [inlet]
  entry.port.store(nullptr, std::memory_order_release);
}

void Core::quiesce() const noexcept {
  if (drive_ != Drive::dedicated) return;  // a late sender finds the port closed, under [inlet]
  const std::uint64_t start = passes_.load(std::memory_order_acquire);  // [pass]
  if (start == kEnded) return;
  // Bounded by two of the NI's passes.
  while (passes_.load(std::memory_order_acquire) < start + 2) ::sched_yield();
}

std::optional<std::size_t> Core::max_payload_of(Address target) const noexcept {
  if (target.index() >= entries_.size()) return std::nullopt;
  const Entry& entry = entries_[target.index()];
  if (target == Address() || entry.address.load(std::memory_order_acquire) != target.word()) {
    return std::nullopt;  // [open]
  }
  return static_cast<std::size_t>(entry.max_payload.load(std::memory_order_relaxed));
}

void Core::run(bool shares_its_cpu) noexcept {
  std::uint32_t idle_passes = 0;
  std::uint64_t pass = 0;
  while (!is_stopped()) {
    bool moved = wire_->deliver(*this);
    const std::uint32_t used = used_entries_.load(std::memory_order_acquire);  // [open]
    for (std::uint32_t index = 0; index < used; ++index) {
      Port* const port = entries_[index].port.load(std::memory_order_acquire);  // [open]
      if (port != nullptr) moved |= serve(*port);
    }
    passes_.store(++pass, std::memory_order_release);  // [pass]
    if (moved) {
      idle_passes = 0;
    } else if (shares_its_cpu || ++idle_passes % kIdlePasses == 0) {
      ::sched_yield();
    } else {
      cpu_pause();
    }
  }
  passes_.store(kEnded, std::memory_order_release);  // [pass]
}

bool Core::serve(Port& port) noexcept {
  RingConsumer& buffer = port.send_buffer->consumer();
  bool moved = false;
  for (int turn = 0; turn < kTurn; ++turn) {
    if (!port.held) port.held = buffer.take();
    if (!port.held) return moved;
    const Message& message = *port.held;
    const Packet packet{.origin = port.address,
                        .target = Address::from_word(message.info.peer),
                        .type_id = message.info.type_id,
                        .user_data = message.info.user_data,
                        .notify = (message.info.attributes & kNotificationWished) != 0,
                        .payload = message.payload};
    const Placed placed = transmit(packet);
    if (placed == Placed::would_block) return moved;  // kept back; the send buffer fills up
    if (placed != Placed::yes) count(port.counters.undeliverable);
    port.held.reset();
    buffer.release();
    moved = true;
  }
  return moved;
}

}  // namespace smtni::ni
