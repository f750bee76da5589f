#pragma once

#include "ni/wire.h"

namespace smtni::ni {

/// The wire between endpoints of one interface: a packet has arrived when it is sent. Copies
/// nothing and keeps nothing.
class LoopbackWire final : public Wire {
 public:
  Placed transmit(const Packet& packet, Arrivals& arrivals) noexcept override {
    return arrivals.place(packet);
  }
  bool deliver(Arrivals& /*arrivals*/) noexcept override { return false; }
  [[nodiscard]] bool is_immediate() const noexcept override { return true; }
};

}  // namespace smtni::ni
