#include <array>

#include "ni/loopback_wire.h"
#include "ni/wire.h"

namespace smtni::ni {
namespace {

template <class W>
std::unique_ptr<Wire> open() {
  return std::make_unique<W>();
}

constexpr std::array kWires = {
    WireInfo{"loopback", "between endpoints of one interface, without delay", open<LoopbackWire>},
};

}  // namespace

std::span<const WireInfo> all_wires() noexcept { return kWires; }

Result<std::unique_ptr<Wire>> open_wire(std::string_view name) {
  std::string accepted;
  for (const WireInfo& wire : kWires) {
    if (wire.name == name) return wire.open();
    accepted += accepted.empty() ? "" : ", ";
    accepted += wire.name;
  }
  return failure(Error::Kind::invalid,
                 "no wire is called '" + std::string(name) + "'; accepted: " + accepted);
}

}  // namespace smtni::ni
