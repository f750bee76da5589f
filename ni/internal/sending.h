#pragma once

#include <cstdint>
#include <span>

#include "ni/endpoint.h"

namespace smtni::ni {

/// What Endpoint::send() does, for whoever has no endpoint at hand: a handler.
/// REQUIRES: `port` is open or has been. THREADS: as Endpoint::send(); while contexts are started
/// for the port's messages, any.
Sent send_from(Core& core, Port& port, Address target, std::span<const std::byte> payload,
               const SendOptions& options) noexcept;

}  // namespace smtni::ni
