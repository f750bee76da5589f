#include "ni/internal/requests.h"

#include <algorithm>
#include <cstring>

#include "ni/internal/core.h"
#include "ni/internal/port.h"

namespace smtni::ni {
namespace {

Operation operation_of(Opcode opcode) noexcept {
  switch (opcode) {
    case Opcode::message:
      return Operation::message;
    case Opcode::put:
    case Opcode::put_signal:
      return Operation::put;
    case Opcode::get:
      return Operation::get;
    case Opcode::fetch_add:
      return Operation::fetch_add;
    case Opcode::compare_swap:
      return Operation::compare_swap;
  }
  return Operation::message;  // not after check()
}

bool is_atomic(Opcode opcode) noexcept {
  return opcode == Opcode::fetch_add || opcode == Opcode::compare_swap;
}

std::uint8_t signal_of(const WorkRequest& work) noexcept {
  if (work.opcode != Opcode::put_signal) return RemoteAccess::kNoSignal;
  return includes(work.flags, WorkFlags::signal_add) ? RemoteAccess::kAdd : RemoteAccess::kSet;
}

// All of a packet but its payload.
Packet packet_of(const WorkRequest& work, std::uint32_t size) noexcept {
  Packet packet{.operation = operation_of(work.opcode), .target = work.target};
  RemoteAccess& remote = packet.remote;
  remote.key = work.remote_key.word();
  remote.length = work.length;
  remote.virtual_address = work.remote_virtual_address;
  remote.operand = work.opcode == Opcode::get ? size : work.operand;
  switch (work.opcode) {
    case Opcode::message:
    case Opcode::put:
      packet.user_data = work.operand;
      packet.type_id = static_cast<std::uint32_t>(work.compare);
      break;
    case Opcode::put_signal:
      remote.signal_address = work.compare;
      break;
    default:
      remote.expected = work.compare;
  }
  remote.signal = signal_of(work);
  return packet;
}

std::uint64_t counted(const std::atomic<std::uint64_t>& counter) noexcept {
  return counter.load(std::memory_order_relaxed);  // relaxed: this side's own count
}

std::uint32_t segment_of(const Core& core) noexcept {
  if (core.drive() == Drive::dedicated) return Requests::kSegment;
  const std::size_t most =
      std::min<std::size_t>(Requests::kSegmentInTheCall, core.max_wire_payload());
  return std::max(Requests::kSegment, static_cast<std::uint32_t>(most));
}

bool is_answered(const WorkRequest& work, bool is_last) noexcept {
  if (work.opcode == Opcode::get) return true;
  if (work.opcode == Opcode::message) return includes(work.flags, WorkFlags::remote_completion);
  return is_last;
}

}  // namespace

bool Requests::start(Core& core, Port& port, const WorkRequest& work,
                     std::span<const std::byte> composed) noexcept {
  constexpr std::uint64_t kNoneUnderWay = ~std::uint64_t{0};
  if (free_ == 0 || (includes(work.flags, WorkFlags::fence) && free_ != kNoneUnderWay)) {
    return false;
  }
  const bool is_long = work.opcode != Opcode::message && work.length > segment_of(core);
  if (is_long && transfer_) return false;

  Transfer transfer{.number = static_cast<std::uint16_t>(std::countr_zero(free_)),
                    .composed = composed};
  Request& request = requests_[transfer.number];
  request.work = work;
  request.unanswered = 0;
  request.is_sent = false;
  request.fault.reset();
  request.value = 0;
  free_ &= free_ - 1;
  if (is_long && core.wire_is_slow() && work.local_key != RegionKey() &&
      work.opcode != Opcode::get) {
    begin_fetch(core, transfer, port);
    if (transfer.is_staged) {
      transfer_ = transfer;
      return true;
    }
  }
  switch (send_next(core, transfer, port)) {
    case Sent::all:
      return true;
    case Sent::some:
      transfer_ = transfer;
      return true;
    default:
      free_ |= std::uint64_t{1} << transfer.number;
      return false;
  }
}

bool Requests::go_on(Core& core, Port& port) noexcept {
  if (!transfer_) return false;
  const Sent sent = transfer_->is_staged ? send_staged(core, *transfer_, port)
                                         : send_next(core, *transfer_, port);
  if (sent == Sent::all) transfer_.reset();
  return sent != Sent::none;
}

void Requests::abandon() noexcept {
  if (!transfer_) return;
  free_ |= std::uint64_t{1} << transfer_->number;
  transfer_.reset();
}

// A request that cannot go on is over, but for the answers that are still out.
Requests::Sent Requests::send_next(Core& core, Transfer& transfer, Port& port) noexcept {
  Request& request = requests_[transfer.number];
  const bool is_divided = request.work.opcode != Opcode::message;
  const std::uint32_t left = request.work.length - transfer.offset;
  const std::uint32_t size = is_divided ? std::min(left, segment_of(core)) : left;
  const Placed placed = send_packet(core, port, transfer, size);
  if (placed == Placed::would_block) return Sent::none;
  if (placed != Placed::yes && !request.fault) request.fault = Fault::unreachable;
  transfer.offset += size;
  if (!request.fault && transfer.offset < request.work.length) return Sent::some;
  return all_sent(port, transfer);
}

Requests::Sent Requests::all_sent(Port& port, const Transfer& transfer) noexcept {
  Request& request = requests_[transfer.number];
  request.is_sent = true;
  if (includes(request.work.flags, WorkFlags::local_completion) &&
      request.work.opcode != Opcode::get && !is_atomic(request.work.opcode)) {
    complete(port, request, CompletionScope::local);
  }
  if (request.unanswered == 0) end(port, transfer.number);
  return Sent::all;
}

// A source that cannot be read is left to send_next(), which refuses it.
void Requests::begin_fetch(Core& core, Transfer& transfer, Port& port) noexcept {
  const WorkRequest& work = requests_[transfer.number].work;
  const RemoteMemory::Scope scope(core.memory());
  const Translation from =
      core.memory().local(scope, work.local_key, work.local_virtual_address, work.length);
  if (!from) return;
  transfer.is_staged = true;
  port.fetch->begin({*from, work.length});
}

// Fetches a segment's worth, and hands on what is whole.
Requests::Sent Requests::send_staged(Core& core, Transfer& transfer, Port& port) noexcept {
  Request& request = requests_[transfer.number];
  const WorkRequest& work = request.work;
  Fetch& fetch = *port.fetch;
  // Held while the source is read: what is still to come must be registered yet.
  const RemoteMemory::Scope scope(core.memory());
  const Translation rest =
      core.memory().local(scope, work.local_key, work.local_virtual_address + fetch.fetched(),
                          work.length - fetch.fetched());
  if (!rest) request.fault = rest.error();
  const auto hand_on = [&](std::span<const std::byte> segment, bool /*is_last*/) noexcept {
    const auto size = static_cast<std::uint32_t>(segment.size());
    const Placed placed = transmit(core, port, transfer, segment, size);
    if (placed == Placed::would_block) return false;
    if (placed != Placed::yes && !request.fault) request.fault = Fault::unreachable;
    transfer.offset += size;
    return true;
  };
  const bool moved = !request.fault && fetch.step(Bytes(kSegment), hand_on);
  count(port.counters.staged_bytes, fetch.staged_bytes() - counted(port.counters.staged_bytes));
  count(port.counters.bubbles, fetch.bubbles() - counted(port.counters.bubbles));
  if (request.fault) fetch.abandon();
  if (!fetch.is_busy()) return all_sent(port, transfer);
  return moved ? Sent::some : Sent::none;
}

// From the slice or the send buffer, straight to the wire.
Placed Requests::send_packet(Core& core, const Port& port, const Transfer& transfer,
                             std::uint32_t size) noexcept {
  Request& request = requests_[transfer.number];
  const WorkRequest& work = request.work;
  if (work.opcode == Opcode::get || is_atomic(work.opcode)) {
    return transmit(core, port, transfer, {}, size);
  }
  if (work.local_key == RegionKey()) {
    return transmit(core, port, transfer, transfer.composed.subspan(transfer.offset, size), size);
  }
  // Held until the bytes have left: nobody takes the region away under the wire.
  const RemoteMemory::Scope scope(core.memory());
  const Translation from = core.memory().local(scope, work.local_key,
                                               work.local_virtual_address + transfer.offset, size);
  if (!from) {
    request.fault = from.error();
    return Placed::yes;
  }
  return transmit(core, port, transfer, {*from, size}, size);
}

// Counts the answer before the packet leaves: on a wire without delay it comes within.
Placed Requests::transmit(Core& core, const Port& port, const Transfer& transfer,
                          std::span<const std::byte> payload, std::uint32_t size) noexcept {
  Request& request = requests_[transfer.number];
  const WorkRequest& work = request.work;
  Packet packet = packet_of(work, size);
  const bool is_last = transfer.offset + size == work.length;
  packet.origin = port.address;
  packet.notify = is_last && includes(work.flags, WorkFlags::notify);
  packet.payload = payload;
  packet.remote.offset = transfer.offset;
  packet.remote.is_last = is_last;
  packet.remote.request = transfer.number;
  packet.remote.is_answered = is_answered(work, is_last);
  if (packet.remote.is_answered) ++request.unanswered;
  const Placed placed = core.transmit(packet);
  if (placed != Placed::yes && packet.remote.is_answered) --request.unanswered;
  return placed;
}

void Requests::answered(Core& core, Port& port, const Packet& answer) noexcept {
  const RemoteAccess& remote = answer.remote;
  if (remote.request >= kMax || (free_ >> remote.request & 1) != 0) return;
  Request& request = requests_[remote.request];
  if (request.unanswered == 0) return;
  if (remote.fault != 0) {
    if (!request.fault) request.fault = static_cast<Fault>(remote.fault - 1);
  } else if (request.work.local_key != RegionKey() && !request.fault &&
             (request.work.opcode == Opcode::get || is_atomic(request.work.opcode))) {
    const auto bytes = is_atomic(request.work.opcode)
                           ? std::as_bytes(std::span<const std::uint64_t, 1>(&remote.operand, 1))
                           : answer.payload;
    const RemoteMemory::Scope scope(core.memory());
    const Translation to =
        core.memory().local(scope, request.work.local_key,
                            request.work.local_virtual_address + remote.offset, bytes.size());
    if (to) {
      std::memcpy(*to, bytes.data(), bytes.size());
    } else {
      request.fault = to.error();
    }
  }
  request.value = remote.operand;
  if (--request.unanswered == 0 && request.is_sent) end(port, remote.request);
}

void Requests::end(Port& port, std::uint16_t number) noexcept {
  const Request& request = requests_[number];
  const bool is_answer_all = request.work.opcode == Opcode::get || is_atomic(request.work.opcode);
  if (is_answer_all && includes(request.work.flags, WorkFlags::local_completion)) {
    complete(port, request, CompletionScope::local);
  }
  if (includes(request.work.flags, WorkFlags::remote_completion)) {
    complete(port, request, CompletionScope::remote);
  }
  if (request.fault) refused(*request.fault);
  free_ |= std::uint64_t{1} << number;
  // [done] release; one writer. relaxed: its own count.
  finished_.store(finished_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
}

void Requests::complete(Port& port, const Request& request, CompletionScope scope) noexcept {
  Completion completion{.ticket = request.work.ticket,
                        .value = request.value,
                        .operation = static_cast<std::uint8_t>(request.work.opcode),
                        .scope = scope};
  if (request.fault) {
    completion.status = CompletionStatus::refused;
    completion.reason = static_cast<std::uint8_t>(*request.fault);
  }
  port.completions->complete(completion);
}

void Requests::refused(Fault fault) noexcept {
  std::uint8_t none = 0;
  // relaxed: [done] orders it, or it is the endpoint's own.
  first_fault_.compare_exchange_strong(
      none, static_cast<std::uint8_t>(1 + static_cast<unsigned>(fault)), std::memory_order_relaxed);
}

std::optional<Fault> Requests::take_fault() noexcept {
  const std::uint8_t fault = first_fault_.exchange(0, std::memory_order_relaxed);  // by [done]
  if (fault == 0) return std::nullopt;
  return static_cast<Fault>(fault - 1);
}

void Requests::reset(Port& port) noexcept {
  if (port.fetch) port.fetch->abandon();
  free_ = ~std::uint64_t{0};
  transfer_.reset();
  finished_.store(0, std::memory_order_relaxed);  // relaxed: nobody uses it
  first_fault_.store(0, std::memory_order_relaxed);
}

}  // namespace smtni::ni
