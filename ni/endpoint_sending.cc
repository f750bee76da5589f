// Endpoint: what leaves.
#include <algorithm>

#include "ni/endpoint.h"
#include "ni/internal/core.h"
#include "ni/internal/held.h"
#include "ni/internal/sending.h"

namespace smtni::ni {
namespace {

// Contexts of one endpoint that send at once take turns; without contexts there is one sender.
class OutletHeld {
 public:
  explicit OutletHeld(Port& port) noexcept {
    if (!port.contexts_send) [[likely]]
      return;
    outlet_ = &port.outlet;
    outlet_->lock();
  }
  ~OutletHeld() {
    if (outlet_ != nullptr) [[unlikely]]
      outlet_->unlock();
  }
  OutletHeld(const OutletHeld&) = delete;
  OutletHeld& operator=(const OutletHeld&) = delete;

 private:
  SpinLock* outlet_ = nullptr;
};

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
  const OutletHeld outlet(port);
  RingProducer& buffer = port.send_buffer->producer();
  const std::optional<std::size_t> most = core.max_payload_of(target);
  if (!most) return Error::Kind::closed;
  if (payload.size() > std::min({*most, buffer.max_payload(), core.max_wire_payload()})) {
    return Error::Kind::message_too_large;
  }
  const MessageInfo info{.type_id = options.type_id,
                         .user_data = options.user_data,
                         .peer = target.word(),
                         .attributes = attributes_of(options.notify, options.handler)};
  if (!buffer.push(payload, info)) return Error::Kind::would_block;
  return {};
}

}  // namespace smtni::ni
