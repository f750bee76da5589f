// Endpoint: what leaves.
#include <algorithm>

#include "ni/endpoint.h"
#include "ni/internal/core.h"
#include "ni/internal/held.h"
#include "ni/internal/sending.h"

namespace smtni::ni {
namespace {

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

}  // namespace

Sent Endpoint::send(Address target, std::span<const std::byte> payload,
                    const SendOptions& options) noexcept {
  if (port_ == nullptr) return Error::Kind::closed;
  return send_from(*core_, *port_, target, payload, options);
}

Sent send_from(Core& core, Port& port, Address target, std::span<const std::byte> payload,
               const SendOptions& options) noexcept {
  if (core.is_stopped()) return Error::Kind::closed;
  const BranchesHeld held;
  if (core.drive() == Drive::in_the_call) {
    return transmit_from(core, port, target, payload, options);
  }
  const OutletHeld outlet(port);
  RingProducer& buffer = port.send_buffer->producer();
  if (payload.size() > buffer.max_payload()) return Error::Kind::message_too_large;
  if (const Sent fits = check_target(core, target, payload.size()); !fits) return fits;
  if (!buffer.push(payload, info_of(target, options))) return Error::Kind::would_block;
  return {};
}

Sent transmit_from(Core& core, const Port& port, Address target, std::span<const std::byte> payload,
                   const SendOptions& options) noexcept {
  const Placed placed = core.transmit({.notify = options.notify,
                                       .handler = options.handler,
                                       .origin = port.address,
                                       .target = target,
                                       .type_id = options.type_id,
                                       .user_data = options.user_data,
                                       .payload = payload});
  if (placed == Placed::yes) return {};
  return as_error(placed);
}

Sent check_target(const Core& core, Address target, std::size_t size) noexcept {
  const std::optional<std::size_t> most = core.max_payload_of(target);
  if (!most) return Error::Kind::closed;
  if (size > std::min(*most, core.max_wire_payload())) return Error::Kind::message_too_large;
  return {};
}

}  // namespace smtni::ni
