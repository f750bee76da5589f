// Endpoint: one-sided operations, and what is composed in place.
#include <sched.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "ni/endpoint.h"
#include "ni/internal/core.h"
#include "ni/internal/held.h"
#include "ni/internal/sending.h"

namespace smtni::ni {
namespace {

WorkFlags flag_if(bool wished, WorkFlags flag) noexcept { return wished ? flag : WorkFlags::none; }

WorkRequest request_of(Opcode opcode, const RemoteAddress& there, std::size_t length,
                       const RemoteOptions& options) noexcept {
  return {.opcode = opcode,
          .flags = flag_if(options.notify, WorkFlags::notify) |
                   flag_if(options.local_completion, WorkFlags::local_completion) |
                   flag_if(options.remote_completion, WorkFlags::remote_completion) |
                   flag_if(options.fence, WorkFlags::fence),
          .target = there.target,
          .remote_key = there.key,
          .length = static_cast<std::uint32_t>(length),
          .remote_virtual_address = there.virtual_address,
          .ticket = options.ticket};
}

void name_slice(WorkRequest& request, const Slice& slice) noexcept {
  request.local_key = slice.key;
  request.local_virtual_address = slice.virtual_address;
}

void add_news(WorkRequest& request, const RemoteOptions& options) noexcept {
  request.operand = options.user_data;
  request.compare = options.type_id;
}

void add_signal(WorkRequest& request, const Signal& signal) noexcept {
  request.operand = signal.value;
  request.compare = signal.virtual_address;
  if (signal.how == Signal::How::add) request.flags = request.flags | WorkFlags::signal_add;
}

// The answer of a get or an atomic is its completion at both ends.
void ask_for_one_completion(WorkRequest& request, const RemoteOptions& options) noexcept {
  request.flags =
      flag_if(options.local_completion || options.remote_completion, WorkFlags::local_completion) |
      flag_if(options.fence, WorkFlags::fence);
}

bool needs_payload(const WorkRequest& request) noexcept {
  return (request.opcode == Opcode::message || request.opcode == Opcode::put ||
          request.opcode == Opcode::put_signal) &&
         request.local_key == RegionKey();
}

int completions_of(const WorkRequest& request) noexcept {
  return (includes(request.flags, WorkFlags::local_completion) ? 1 : 0) +
         (includes(request.flags, WorkFlags::remote_completion) ? 1 : 0);
}

bool reserve(CompletionQueue& completions, int count) noexcept {
  for (int reserved = 0; reserved < count; ++reserved) {
    if (completions.reserve()) continue;
    for (; reserved > 0; --reserved) completions.cancel();
    return false;
  }
  return true;
}

// In the caller's own time: all of it, or nothing.
bool carry_out(Core& core, Port& port, const WorkRequest& request,
               std::span<const std::byte> composed) noexcept {
  if (!port.requests.start(core, port, request, composed)) return false;
  while (port.requests.has_transfer()) {
    if (port.requests.go_on(core, port)) continue;
    port.requests.abandon();
    return false;
  }
  return true;
}

bool is_aligned(const Signal& signal) noexcept {
  return signal.virtual_address % sizeof(std::uint64_t) == 0;
}

// A fence has nothing to wait for: what came before is over.
Sent store(Core& core, Port& port, const RemoteMemory::Store& store) noexcept {
  const BranchesHeld held;
  const std::optional<Fault> fault = core.memory().store(store);
  if (fault) [[unlikely]]
    port.requests.refused(*fault);
  return {};
}

bool hand_over(Port& port, const WorkRequest& request,
               std::span<const std::byte> composed) noexcept {
  RingProducer& buffer = port.send_buffer->producer();
  const auto room = buffer.reserve(sizeof request + composed.size());
  if (!room) return false;
  std::memcpy(room->data(), &request, sizeof request);
  if (!composed.empty()) {
    std::memcpy(room->data() + sizeof request, composed.data(), composed.size());
  }
  buffer.commit(room->size(), {.attributes = kWorkRequest});
  count(port.counters.composed_bytes, composed.size());
  return true;
}

}  // namespace

Sent Endpoint::post(const WorkRequest& request, std::span<const std::byte> composed) noexcept {
  if (port_ == nullptr || core_->is_stopped()) return Error::Kind::closed;
  if (check(request)) return Error::Kind::invalid;
  if (composed.size() != (needs_payload(request) ? request.length : 0)) return Error::Kind::invalid;
  Port& port = *port_;
  const bool is_in_the_call = core_->drive() == Drive::in_the_call;
  if (composed.size() > kMaxComposed ||
      (!is_in_the_call && composed.size() > port.send_buffer->max_payload() - sizeof request)) {
    return Error::Kind::message_too_large;
  }
  const BranchesHeld held;
  const OutletHeld outlet(port);
  const int completions = completions_of(request);
  if (port.issued - port.requests.finished() >= kMaxPosted ||
      !reserve(*port.completions, completions)) {
    return Error::Kind::would_block;
  }
  const bool is_posted = is_in_the_call ? carry_out(*core_, port, request, composed)
                                        : hand_over(port, request, composed);
  if (!is_posted) {
    for (int left = completions; left > 0; --left) port.completions->cancel();
    return Error::Kind::would_block;
  }
  ++port.issued;
  return {};
}

// Nothing is asked for but the bytes and the signal, and the call is as good as the NI.
bool Endpoint::stores_at_once(const RemoteAddress& to, std::size_t length,
                              const RemoteOptions& options) const noexcept {
  return port_ != nullptr && core_->works_at_once() && !core_->is_stopped() &&
         length <= Requests::kSegmentInTheCall && to.target.node() == address_.node() &&
         !(options.notify || options.local_completion || options.remote_completion);
}

// Each request is composed where it stays until it is posted: a copy of what was just stored field
// by field would wait for the stores.

Sent Endpoint::send_slice(Address target, const Slice& from,
                          const RemoteOptions& options) noexcept {
  WorkRequest request = request_of(Opcode::message, {target, {}, 0}, from.length, options);
  name_slice(request, from);
  add_news(request, options);
  return post(request);
}

Sent Endpoint::put(const RemoteAddress& to, std::span<const std::byte> data,
                   const RemoteOptions& options) noexcept {
  if (data.size() > kMaxComposed) return Error::Kind::message_too_large;
  if (stores_at_once(to, data.size(), options)) {
    return store(*core_, *port_,
                 {.key = to.key,
                  .virtual_address = to.virtual_address,
                  .length = data.size(),
                  .data = data.data()});
  }
  WorkRequest request = request_of(Opcode::put, to, data.size(), options);
  add_news(request, options);
  return post(request, data);
}

Sent Endpoint::put(const RemoteAddress& to, const Slice& from,
                   const RemoteOptions& options) noexcept {
  if (stores_at_once(to, from.length, options)) {
    return store(*core_, *port_,
                 {.key = to.key,
                  .virtual_address = to.virtual_address,
                  .length = from.length,
                  .slice = &from});
  }
  WorkRequest request = request_of(Opcode::put, to, from.length, options);
  name_slice(request, from);
  add_news(request, options);
  return post(request);
}

Sent Endpoint::put_signal(const RemoteAddress& to, std::span<const std::byte> data,
                          const Signal& signal, const RemoteOptions& options) noexcept {
  if (data.size() > kMaxComposed) return Error::Kind::message_too_large;
  if (stores_at_once(to, data.size(), options) && is_aligned(signal)) {
    return store(*core_, *port_,
                 {.key = to.key,
                  .virtual_address = to.virtual_address,
                  .length = data.size(),
                  .data = data.data(),
                  .signal = &signal});
  }
  WorkRequest request = request_of(Opcode::put_signal, to, data.size(), options);
  add_signal(request, signal);
  return post(request, data);
}

Sent Endpoint::put_signal(const RemoteAddress& to, const Slice& from, const Signal& signal,
                          const RemoteOptions& options) noexcept {
  WorkRequest request = request_of(Opcode::put_signal, to, from.length, options);
  name_slice(request, from);
  add_signal(request, signal);
  return post(request);
}

Sent Endpoint::get(const Slice& to, const RemoteAddress& from,
                   const RemoteOptions& options) noexcept {
  WorkRequest request = request_of(Opcode::get, from, to.length, options);
  name_slice(request, to);
  ask_for_one_completion(request, options);
  return post(request);
}

Sent Endpoint::fetch_add(const RemoteAddress& word, std::uint64_t value,
                         const RemoteOptions& options) noexcept {
  WorkRequest request = request_of(Opcode::fetch_add, word, sizeof value, options);
  ask_for_one_completion(request, options);
  request.operand = value;
  return post(request);
}

Sent Endpoint::compare_swap(const RemoteAddress& word, std::uint64_t expected,
                            std::uint64_t desired, const RemoteOptions& options) noexcept {
  WorkRequest request = request_of(Opcode::compare_swap, word, sizeof desired, options);
  ask_for_one_completion(request, options);
  request.operand = desired;
  request.compare = expected;
  return post(request);
}

std::optional<Completion> Endpoint::poll_completion() noexcept {
  if (port_ == nullptr) return std::nullopt;
  return port_->completions->poll();
}

Result<void> Endpoint::quiet(Deadline until) {
  if (port_ == nullptr) return failure(Error::Kind::closed, "the endpoint is closed");
  Port& port = *port_;
  for (std::uint64_t left = 0; (left = port.issued - port.requests.finished()) != 0;) {
    if (has_passed(until) || core_->is_stopped()) {
      return failure(Error::Kind::timed_out,
                     std::to_string(left) + " operations are not done at their targets yet");
    }
    ::sched_yield();
  }
  const std::optional<Fault> fault = port.requests.take_fault();
  if (!fault) return {};
  return failure(Error::Kind::invalid, "an operation was refused: " + std::string(name_of(*fault)));
}

std::optional<std::span<std::byte>> Endpoint::compose(std::size_t most) noexcept {
  if (port_ == nullptr) return std::nullopt;
  return port_->composed = port_->send_buffer->producer().reserve(most);
}

Sent Endpoint::send_composed(Address target, std::size_t used,
                             const SendOptions& options) noexcept {
  if (port_ == nullptr || core_->is_stopped()) return Error::Kind::closed;
  SMTNI_EXPECT_HOT(port_->composed && used <= port_->composed->size());
  RingProducer& buffer = port_->send_buffer->producer();
  const BranchesHeld held;
  if (core_->drive() == Drive::in_the_call) {
    const Sent sent = transmit_from(*core_, *port_, target, port_->composed->first(used), options);
    if (sent) buffer.rollback();
    return sent;
  }
  if (const Sent fits = check_target(*core_, target, used); !fits) return fits;
  buffer.commit(used, info_of(target, options));
  return {};
}

void Endpoint::drop_composed() noexcept {
  if (port_ != nullptr) port_->send_buffer->producer().rollback();
}

std::size_t Endpoint::max_composed() const noexcept {
  return port_ == nullptr ? 0 : port_->send_buffer->max_payload();
}

}  // namespace smtni::ni
