#pragma once

#include <cstdint>
#include <string_view>

#include "core/result.h"

namespace smtni::internal {

/// The number by which perf_event_open knows the kernel's tracepoint `name` ("group/event").
///
/// It stands in tracefs. Where that is not mounted and we are root, a child process mounts it in a
/// mount namespace of its own, reads the number, and takes mount and namespace with it when it
/// ends. `unsupported`, with the reason, otherwise.
Result<std::uint64_t> tracepoint_id(std::string_view name);

}  // namespace smtni::internal
