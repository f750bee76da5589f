#include "ni/internal/core.h"

#include <sched.h>

#include <algorithm>
#include <cstring>

#include "ni/internal/message_buffer.h"

namespace smtni::ni {
namespace {

// Messages of one endpoint before the next endpoint's turn.
constexpr int kTurn = 8;

// Passes without work before an NI that owns its CPU lets others at it for a moment.
constexpr std::uint32_t kIdlePasses = 1U << 14;

// Two a request, for its local and its remote end.
constexpr std::uint32_t kCompletions = 2 * Requests::kMax;

// More passes than there ever are: the NI thread has ended.
constexpr std::uint64_t kEnded = ~std::uint64_t{0};

}  // namespace

Core::Core(Identity identity, std::unique_ptr<Wire> wire, RemoteMemory memory) noexcept
    : identity_(std::move(identity)),
      wire_(std::move(wire)),
      max_wire_payload_(wire_->max_payload()),
      wire_is_slow_(wire_->is_slow()),
      works_at_once_(identity_.drive == Drive::in_the_call && wire_->is_immediate()),
      memory_(std::move(memory)) {}

Core::~Core() { stop(); }

Result<void> Core::start(const RoleCpus& cpus) {
  auto thread = threads::PinnedThread::start({.name = "smtni-ni", .cpu = cpus.ni},
                                             [this, cpus] { run(cpus); });
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

Result<Port*> Core::add_port(const EndpointOptions& options,
                             std::unique_ptr<notify::Binding> binding) {
  if (auto checked = check(options, drive()); !checked) return tl::unexpected(checked.error());
  auto buffer = MessageBuffer::create(options, wire_is_slow_);
  if (!buffer) return tl::unexpected(buffer.error());
  auto completions = CompletionQueue::create(kCompletions);
  if (!completions) return tl::unexpected(completions.error());

  const std::lock_guard guard(control_);
  if (free_.empty()) {
    if (owned_.size() == ports_.size()) {
      return failure(Error::Kind::would_block,
                     "all " + std::to_string(ports_.size()) + " endpoints are open");
    }
    owned_.push_back(std::make_unique<Port>());
    owned_.back()->address = Address({.index = static_cast<std::uint16_t>(owned_.size() - 1),
                                      .generation = 0,
                                      .node = identity_.node});
    free_.push_back(owned_.back().get());
  }
  Port& port = *free_.back();
  free_.pop_back();
  {
    const std::lock_guard inlet(port.inlet);  // [inlet]
    const std::uint16_t last = port.address.generation();
    port.address = Address({.index = port.address.index(),
                            .generation = static_cast<std::uint16_t>(last == 0xFFFF ? 1 : last + 1),
                            .node = identity_.node});
    port.message_buffer = std::move(buffer->memory);
    port.message_cache.emplace(std::move(buffer->cache));
    if (wire_is_slow_) {
      port.staging.emplace(*Staging::create(buffer->staging, Bytes(Requests::kSegment)));
      port.fetch.emplace(
          *Fetch::create(*port.staging, {.outstanding_reads = options.fetching.outstanding_reads,
                                         .start_threshold = options.fetching.start_threshold}));
    }
    if (options.when_full == WhenFull::spill) port.spill.emplace(options.spill_limit);
    port.send_buffer.emplace(std::move(buffer->send));
    port.completions.emplace(std::move(*completions));
    port.binding = std::move(binding);
    port.own_binding = port.binding.get();
    port.is_open = true;
    port.holds_silent = false;
    port.coalescer.configure(options.coalescing);
    port.records.configure(options.records ? port.message_cache->capacity().count() / kCacheLine
                                           : 0);
  }
  identity_.directory->open(port.address, port.message_cache->max_payload());
  ports_[port.address.index()].store(&port, std::memory_order_release);  // [open]
  used_ports_.store(static_cast<std::uint32_t>(owned_.size()), std::memory_order_release);
  return &port;
}

void Core::recycle(Port& port) noexcept {
  const std::lock_guard guard(control_);
  {
    const std::lock_guard inlet(port.inlet);  // [inlet]
    port.send_buffer.reset();
    port.message_cache.reset();
    port.requests.reset(port);
    port.fetch.reset();
    port.staging.reset();
    port.message_buffer = {};
    port.spill.reset();
    port.completions.reset();
    port.held.reset();
    port.binding.reset();
    port.own_binding = nullptr;
    port.waiting.reset();
    port.fallback.reset();
    port.spawner.reset();
    port.spawned = {};
    port.past_fallbacks = {};
    port.spawn_is_due.store(false, std::memory_order_relaxed);  // relaxed: [inlet] orders it
  }
  port.handler = nullptr;
  port.is_branching = port.in_handler = port.contexts_send = false;
  port.views = {};
  port.serving = 0;
  port.taken = port.issued = 0;
  for (auto* counter :
       {&port.counters.placed, &port.counters.notified, &port.counters.silent,
        &port.counters.coalesced, &port.counters.held_back, &port.counters.undeliverable,
        &port.counters.composed_bytes, &port.counters.staged_bytes, &port.counters.bubbles}) {
    counter->store(0, std::memory_order_relaxed);  // relaxed: statistics
  }
  free_.push_back(&port);
}

void Core::close_entry(const Port& port) noexcept {
  identity_.directory->close(port.address);
  ports_[port.address.index()].store(nullptr, std::memory_order_release);
}

void Core::quiesce() const noexcept {
  if (drive() != Drive::dedicated) return;  // a late sender finds the port closed, under [inlet]
  const std::uint64_t start = passes_.load(std::memory_order_acquire);  // [pass]
  if (start == kEnded) return;
  // Bounded by two of the NI's passes.
  while (passes_.load(std::memory_order_acquire) < start + 2) ::sched_yield();
}

std::optional<std::size_t> Core::max_payload_of(Address target) const noexcept {
  const Directory* directory = identity_.directory.get();
  if (target.node() != identity_.node) [[unlikely]] {
    if (!identity_.fabric) return std::nullopt;
    directory = identity_.fabric->directory(target.node());
    if (directory == nullptr) return std::nullopt;
  }
  return directory->max_payload_of(target);
}

void Core::run(const RoleCpus& cpus) noexcept {
  std::atomic<std::uint32_t> alone{1};
  std::atomic<std::uint32_t>& nis_here =
      identity_.fabric ? identity_.fabric->nis_on(cpus.ni) : alone;
  // relaxed, here and below: how often to yield orders nothing.
  if (identity_.fabric) nis_here.fetch_add(1, std::memory_order_relaxed);
  std::uint32_t idle_passes = 0;
  std::uint64_t pass = 0;
  while (!is_stopped()) {
    bool moved = send_pending_answer();
    moved |= wire_->deliver(*this);
    const std::uint32_t used = used_ports_.load(std::memory_order_acquire);  // [open]
    for (std::uint32_t index = 0; index < used; ++index) {
      Port* const port = ports_[index].load(std::memory_order_acquire);  // [open]
      if (port == nullptr) continue;
      moved |= serve(*port);
      // relaxed: a hint; retry_spawn() looks under the lock.
      if (port->spawn_is_due.load(std::memory_order_relaxed)) [[unlikely]]
        port->retry_spawn();
      if (port->coalescer.is_counting()) [[unlikely]]
        port->announce_if_due();
    }
    passes_.store(++pass, std::memory_order_release);  // [pass]
    if (moved) {
      idle_passes = 0;
    } else if (cpus.ni == cpus.receiver || nis_here.load(std::memory_order_relaxed) > 1 ||
               ++idle_passes % kIdlePasses == 0) {
      ::sched_yield();
    } else {
      cpu_pause();
    }
  }
  nis_here.fetch_sub(1, std::memory_order_relaxed);
  passes_.store(kEnded, std::memory_order_release);  // [pass]
}

bool Core::start_request(Port& port, const Message& message) noexcept {
  WorkRequest work;
  std::memcpy(&work, message.payload.data(), sizeof work);
  return port.requests.start(*this, port, work, message.payload.subspan(sizeof work));
}

bool Core::serve(Port& port) noexcept {
  RingConsumer& buffer = port.send_buffer->consumer();
  bool moved = port.requests.go_on(*this, port);
  for (int turn = 0; turn < kTurn; ++turn) {
    if (!port.held) port.held = buffer.take();
    if (!port.held) return moved;
    const Message& message = *port.held;
    if ((message.info.attributes & kWorkRequest) != 0) {
      if (!start_request(port, message)) return moved;
      port.held.reset();
      buffer.release();
      moved = true;
      continue;
    }
    const Packet packet{.notify = (message.info.attributes & kNotificationWished) != 0,
                        .handler = handler_in(message.info.attributes),
                        .origin = port.address,
                        .target = Address::from_word(message.info.peer),
                        .type_id = message.info.type_id,
                        .user_data = message.info.user_data,
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
