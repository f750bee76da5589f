#pragma once

#include <algorithm>
#include <array>
#include <mutex>

#include "ni/wire.h"

namespace smtni::ni {

/// `store-and-forward`: keeps one packet, whole, until the target has room for it.
class StoreAndForwardWire final : public Wire {
 public:
  static constexpr std::size_t kLargestPayload = 4096;

  Placed transmit(const Packet& packet, Arrivals& /*arrivals*/) noexcept override {
    if (packet.payload.size() > kLargestPayload) return Placed::too_large;
    const std::scoped_lock guard(mutex_);
    if (is_full_) return Placed::would_block;
    std::copy(packet.payload.begin(), packet.payload.end(), body_.begin());
    packet_ = packet;
    packet_.payload = std::span(body_).first(packet.payload.size());
    is_full_ = true;
    return Placed::yes;
  }

  bool deliver(Arrivals& arrivals) noexcept override {
    const std::scoped_lock guard(mutex_);
    if (!is_full_ || arrivals.place(packet_) == Placed::would_block) return false;
    is_full_ = false;
    return true;
  }

 private:
  std::mutex mutex_;  // with an NI in the call, senders come concurrently; held for one copy
  bool is_full_ = false;
  Packet packet_;
  std::array<std::byte, kLargestPayload> body_;
};

}  // namespace smtni::ni
