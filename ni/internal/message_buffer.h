#pragma once

#include <cstddef>
#include <span>

#include "core/memory.h"
#include "core/message_ring.h"
#include "core/result.h"
#include "ni/endpoint.h"
#include "ni/interface.h"

namespace smtni::ni {

/// The paper's message buffer: staging for what leaves and cache for what comes, one block.
struct MessageBuffer {
  Memory memory;
  MessageRing cache;
  MessageRing send;
  std::span<std::byte> staging;  // empty unless asked for

  /// `with_staging`: for a wire on which packets wait. `invalid` for capacities outside
  /// MessageRing's.
  static Result<MessageBuffer> create(const EndpointOptions& options, bool with_staging);
};

/// `invalid`, naming what is accepted, for options that make no sense with that drive;
/// `unsupported` for stores that this processor has not.
Result<void> check(const EndpointOptions& options, Drive drive);

}  // namespace smtni::ni
