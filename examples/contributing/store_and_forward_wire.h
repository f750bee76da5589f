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
    if (state_ != State::empty) return Placed::would_block;
    std::copy(packet.payload.begin(), packet.payload.end(), body_.begin());
    packet_ = packet;
    packet_.payload = std::span(body_).first(packet.payload.size());
    state_ = State::full;
    return Placed::yes;
  }

  bool deliver(Arrivals& arrivals) noexcept override {
    if (!exchange_state(State::full, State::leaving)) return false;
    // Without the lock: whoever places may send an answer over this wire.
    const bool has_left = arrivals.place(packet_) != Placed::would_block;
    exchange_state(State::leaving, has_left ? State::empty : State::full);
    return has_left;
  }

 private:
  enum class State : std::uint8_t { empty, full, leaving };

  bool exchange_state(State from, State to) noexcept {
    const std::scoped_lock guard(mutex_);
    if (state_ != from) return false;
    state_ = to;
    return true;
  }

  std::mutex mutex_;  // with an NI in the call, senders come concurrently; held for one copy
  State state_ = State::empty;
  Packet packet_;
  std::array<std::byte, kLargestPayload> body_;
};

}  // namespace smtni::ni
