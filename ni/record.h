#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "core/units.h"
#include "ni/address.h"
#include "notify/fallback.h"

namespace smtni::ni {

/// What the receiver can know of one message (the paper's notification structure): what has come,
/// from whom and where it lies; and, if EndpointOptions::records asks for it, when it arrived and
/// how its receiver was notified. The NI completes it before it notifies.
struct NotificationRecord {
  Address source = {};
  std::uint32_t type_id = 0;
  std::uint64_t user_data = 0;
  /// Where the payload lies, and how long it is. Ends with the message.
  std::span<const std::byte> place = {};

  /// When the NI placed the message; 0: not recorded.
  TscInstant arrival = {};
  /// The mechanism that notifies of it, or that started its context; empty: not recorded, or its
  /// sender wished for none.
  std::string_view method = {};
  /// What that fell back on. Filled in with the rest, as the NI saw its receiver then, and
  /// corrected right after the notification where it came otherwise; so a quick receiver may read
  /// the former. None where the message was coalesced with another, or is not recorded.
  notify::Fallback fallback = notify::Fallback::none;
};

}  // namespace smtni::ni
