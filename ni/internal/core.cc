#include "ni/internal/core.h"

#include <sched.h>

#include <algorithm>
#include <chrono>
#include <cstring>

#include "core/deadline.h"

namespace smtni::ni {
namespace {

// Messages of one endpoint before the next endpoint's turn.
constexpr int kTurn = 8;

// Passes without work before an NI that owns its CPU lets others at it for a moment.
constexpr std::uint32_t kIdlePasses = 1U << 14;

// How long a sender whose call does the NI's work looks after a message that no context was idle
// for. Contexts become idle within microseconds of their end.
constexpr std::chrono::seconds kSpawnPatience{1};

// Two a request, for its local and its remote end.
constexpr std::uint32_t kCompletions = 2 * Requests::kMax;

// More passes than there ever are: the NI thread has ended.
constexpr std::uint64_t kEnded = ~std::uint64_t{0};

// The paper's message buffer: staging for what leaves and cache for what comes, one block.
struct MessageBuffer {
  Memory memory;
  MessageRing cache;
  MessageRing send;
  std::span<std::byte> staging;

  // `with_staging`: the wire is slow.
  static Result<MessageBuffer> create(const EndpointOptions& options, bool with_staging) {
    const auto cache_bytes = MessageRing::memory_for(options.message_cache);
    const auto send_bytes = MessageRing::memory_for(options.send_buffer);
    if (!cache_bytes) return tl::unexpected(cache_bytes.error());
    if (!send_bytes) return tl::unexpected(send_bytes.error());
    const Bytes staging_bytes = with_staging ? options.fetching.staging : Bytes(0);
    auto memory = allocate({.size = *cache_bytes + *send_bytes + staging_bytes});
    if (!memory) return tl::unexpected(memory.error());
    const std::span<std::byte> pages = memory->mapping.pages();
    auto cache = MessageRing::place(pages, options.message_cache, {.stores = options.stores});
    auto send = MessageRing::place(pages.subspan(cache_bytes->count()), options.send_buffer);
    if (!cache || !send) return tl::unexpected((cache ? send : cache).error());
    return MessageBuffer{std::move(*memory), std::move(*cache), std::move(*send),
                         pages.subspan((*cache_bytes + *send_bytes).count(),
                                       static_cast<std::size_t>(staging_bytes.count()))};
  }
};

Result<void> check(const Coalescing& coalescing, Drive drive) {
  const bool has_period = coalescing.period.count() != 0;
  if (coalescing.messages == 0 || (coalescing.messages > 1 && !has_period)) {
    return failure(Error::Kind::invalid,
                   "coalescing of " + std::to_string(coalescing.messages) +
                       " messages without a period; accepted: 1 message, or more with the longest "
                       "time that the first of them may wait");
  }
  if (has_period && drive == Drive::in_the_call) {
    return failure(Error::Kind::invalid,
                   "coalescing by time needs an NI thread (Drive::dedicated), which watches it");
  }
  return {};
}

Result<void> check(const FetchingOptions& fetching) {
  const std::uint64_t most = Staging::kMaxSize.count();
  if (fetching.staging.count() == 0 || fetching.staging.count() % Requests::kSegment != 0 ||
      fetching.staging.count() > most) {
    return failure(Error::Kind::invalid, "staging of " + std::to_string(fetching.staging.count()) +
                                             " bytes; accepted: whole segments of " +
                                             std::to_string(Requests::kSegment) + ", up to " +
                                             std::to_string(most));
  }
  if (fetching.start_threshold > fetching.staging) {
    return failure(Error::Kind::invalid, "a start threshold of " +
                                             std::to_string(fetching.start_threshold.count()) +
                                             " bytes; accepted: up to the staging's " +
                                             std::to_string(fetching.staging.count()));
  }
  if (fetching.outstanding_reads == 0 || fetching.outstanding_reads > Fetch::kMaxOutstandingReads) {
    return failure(Error::Kind::invalid, std::to_string(fetching.outstanding_reads) +
                                             " outstanding reads; accepted: 1 to " +
                                             std::to_string(Fetch::kMaxOutstandingReads));
  }
  return {};
}

}  // namespace

Core::Core(Identity identity, std::unique_ptr<Wire> wire, RemoteMemory memory) noexcept
    : identity_(std::move(identity)),
      wire_(std::move(wire)),
      max_wire_payload_(wire_->max_payload()),
      wire_is_slow_(wire_->is_slow()),
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

Placed Core::place(const Packet& packet) noexcept {
  switch (packet.operation) {
    case Operation::message: {
      const Placed placed = place_message(packet);
      if (!packet.remote.is_answered || placed == Placed::would_block) return placed;
      return answer(packet, {.fault = placed == Placed::yes ? std::nullopt
                                                            : std::optional(Fault::unreachable)});
    }
    case Operation::answer: {
      Port* const port = ports_[packet.target.index()].load(std::memory_order_acquire);  // [open]
      if (port == nullptr || port->address != packet.target) return Placed::nobody;
      port->requests.answered(*this, *port, packet);
      return Placed::yes;
    }
    default:
      return carry_out(packet);
  }
}

// Data, then the message that tells of it, then the signal. A message cache without room puts all of
// it off; the data is then written once more, to no harm, and the signal comes once.
Placed Core::carry_out(const Packet& packet) noexcept {
  if (drive() == Drive::dedicated && pending_answer_) return Placed::would_block;
  const RemoteMemory::Scope scope(memory_);
  const RemoteMemory::Outcome outcome = memory_.execute(scope, packet);
  if (!outcome.fault && packet.operation == Operation::put && packet.remote.is_last) {
    if (packet.notify && place_message({.origin = packet.origin,
                                        .target = packet.target,
                                        .type_id = packet.type_id,
                                        .user_data = packet.user_data}) == Placed::would_block) {
      return Placed::would_block;
    }
    RemoteMemory::signal(outcome, packet.remote);
  }
  return packet.remote.is_answered ? answer(packet, outcome) : Placed::yes;
}

Placed Core::answer(const Packet& request, const RemoteMemory::Outcome& outcome) noexcept {
  Packet packet{.operation = Operation::answer,
                .origin = request.target,
                .target = request.origin,
                .payload = outcome.payload};
  packet.remote.offset = request.remote.offset;
  packet.remote.request = request.remote.request;
  packet.remote.operand = outcome.value;
  if (outcome.fault) {
    packet.remote.fault = static_cast<std::uint8_t>(1 + static_cast<unsigned>(*outcome.fault));
  }
  const Placed sent = transmit(packet);
  if (sent != Placed::would_block) return Placed::yes;
  // A get is simply carried out again. What must not be done twice is done, and its answer waits.
  if (request.operation == Operation::get && !outcome.fault) return Placed::would_block;
  if (drive() == Drive::dedicated) pending_answer_ = packet;  // else nobody would send it later
  return Placed::yes;
}

bool Core::send_pending_answer() noexcept {
  if (!pending_answer_ || transmit(*pending_answer_) == Placed::would_block) return false;
  pending_answer_.reset();
  return true;
}

Placed Core::place_message(const Packet& packet) noexcept {
  Port* const port = ports_[packet.target.index()].load(std::memory_order_acquire);  // [open]
  if (port == nullptr) return Placed::nobody;
  const Placed placed = port->place(packet);
  if (drive() == Drive::in_the_call) settle(*port);
  return placed;
}

void Core::settle(Port& port) noexcept {
  // relaxed: a hint; retry_spawn() looks under the lock.
  if (!port.spawn_is_due.load(std::memory_order_relaxed)) [[likely]]
    return;
  const Deadline until = in(kSpawnPatience);
  while (port.spawn_is_due.load(std::memory_order_relaxed) && !has_passed(until)) {
    ::sched_yield();
    port.retry_spawn();
  }
}

Result<Port*> Core::add_port(const EndpointOptions& options,
                             std::unique_ptr<notify::Binding> binding) {
  if (auto checked = check(options.coalescing, drive()); !checked) {
    return tl::unexpected(checked.error());
  }
  if (auto checked = smtni::check(options.stores); !checked) {
    return tl::unexpected(checked.error());
  }
  if (auto checked = check(options.fetching); !checked) return tl::unexpected(checked.error());
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
