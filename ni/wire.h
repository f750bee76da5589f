#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "ni/address.h"

/// \file
/// What carries messages from the sending side of an interface to the receiving side of one. To add
/// a wire, write a class and give it a row in wires.cc; CONTRIBUTING.md shows how.
namespace smtni::ni {

/// A message on its way. The payload is borrowed: a wire that keeps it past its call copies it.
struct Packet {
  Address origin;
  Address target;
  std::uint32_t type_id = 0;
  std::uint64_t user_data = 0;
  bool notify = true;  ///< the sender's wish; silent delivery is legal
  std::span<const std::byte> payload;
};

/// What became of a packet.
enum class Placed : std::uint8_t {
  yes,          ///< it is in the target's message cache, and the target is notified if so wished
  would_block,  ///< the target's message cache is full, or the wire is: nothing happened, try again
  too_large,    ///< it will never fit into the target's message cache
  nobody,       ///< the target is closed, or never was
};

/// How far a wire is with what it has taken: the packets taken by transmit() so far, and how many
/// of these, in the order in which they were taken, it has settled: placed, or refused for good.
struct Passage {
  std::uint64_t taken = 0;
  std::uint64_t settled = 0;
};

/// The receiving side of an interface.
class Arrivals {
 public:
  /// Places the payload, then the notification record, then notifies.
  /// THREADS: any; packets for one target are placed one after the other.
  virtual Placed place(const Packet& packet) noexcept = 0;

 protected:
  ~Arrivals() = default;
};

/// THREADS: with a dedicated NI thread, that thread alone; with an inline NI, every sender, so a
/// wire guards what it keeps.
class Wire {
 public:
  Wire() = default;
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;
  virtual ~Wire() = default;

  /// Takes the packet, or leaves it with the sender (anything but `yes`).
  virtual Placed transmit(const Packet& packet, Arrivals& arrivals) noexcept = 0;

  /// Moves what has arrived meanwhile; false when there was nothing to move. A wire that delivers
  /// within transmit() has nothing to do here.
  virtual bool deliver(Arrivals& arrivals) noexcept = 0;

  /// The longest payload that transmit() takes, if its target does.
  [[nodiscard]] virtual std::size_t max_payload() const noexcept {
    return std::numeric_limits<std::size_t>::max();
  }

  /// For a wire that keeps packets past transmit(), so that closing can wait for them.
  /// ENSURES: whoever sees a packet settled sees what was placed; settled <= taken.
  /// THREADS: any.
  [[nodiscard]] virtual Passage passage() const noexcept { return {}; }
};

struct WireInfo {
  std::string_view name;
  std::string_view summary;
  std::unique_ptr<Wire> (*open)();
};

/// All wires there are.
[[nodiscard]] std::span<const WireInfo> all_wires() noexcept;

/// `invalid`, naming what is accepted, for a name that is none of theirs.
[[nodiscard]] Result<std::unique_ptr<Wire>> open_wire(std::string_view name);

}  // namespace smtni::ni
