#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/placement.h"
#include "core/result.h"
#include "core/units.h"
#include "ni/endpoint.h"
#include "ni/link_wire.h"
#include "ni/region.h"
#include "ni/tlb.h"
#include "ni/wire.h"

namespace smtni::ni {

class Core;
class Fabric;

/// Who does the NI's work.
enum class Drive : std::uint8_t {
  dedicated,    ///< a thread of its own, which plays the hardware; it never sleeps
  in_the_call,  ///< the sender's call: no hand-over, but the sender pays for it
};

struct InterfaceOptions {
  Drive drive = Drive::dedicated;
  /// Where the dedicated NI thread runs: the CPU of its role `ni`.
  Placement placement = Placement::nearest();
  /// One of all_wires(). Not used by an interface on a fabric.
  std::string_view wire = "loopback";
  /// Joins other interfaces: this one becomes a node, and its endpoints' addresses say which.
  const Fabric* fabric = nullptr;
  /// Rate, latency and loss around the wire; for Drive::dedicated only.
  std::optional<LinkOptions> link = std::nullopt;
  /// Of the NI's own translations of registered regions.
  TlbOptions tlb = {};
  /// Where set, is given the opened wire and returns what is used in its place: a wire around it.
  std::function<std::unique_ptr<Wire>(std::unique_ptr<Wire>)> wrap_wire = {};
};

/// A user-level network interface. Messages between its endpoints go from the sender's send buffer
/// over its wire into the receiver's message cache, and the receiver is notified as it chose.
///
/// Many endpoints share an interface; the NI serves them in turn, a few messages each.
///
/// THREADS: any, concurrently.
class Interface {
 public:
  static constexpr std::uint16_t kMaxEndpoints = 1024;

  /// `invalid` for an unknown wire or a TLB that makes no sense, and for a fabric or a link without
  /// an NI thread, which alone moves what arrives later; `would_block` when the fabric has no
  /// number left; what with_link() says; what Placement::resolve() says for a placement that the
  /// machine does not have.
  static Result<Interface> start(const InterfaceOptions& options = {});

  Interface(Interface&&) noexcept;
  Interface& operator=(Interface&&) noexcept;
  /// Stops the NI. Endpoints that still exist then answer `closed`. What is in their send buffers
  /// or on a link is lost: close them first.
  ~Interface();

  /// `invalid` for capacities outside MessageRing's, an unknown mechanism, or one that does not
  /// wait (on_message() and spawn_on_message() take the others); `unsupported` when the machine
  /// cannot; `would_block` when kMaxEndpoints are open.
  Result<Endpoint> open_endpoint(const EndpointOptions& options = {});

  /// Registers memory for one-sided operations of others, and as the near end of one's own. What
  /// RegionTable::add() says. The region may outlive the interface, but its memory must outlive it.
  Result<Region> register_region(std::span<std::byte> memory, Rights rights,
                                 const RegionOptions& options = {});

  /// What the NI TLB has done. COST: waits for the operation under way.
  [[nodiscard]] TlbCounters tlb_counters() const noexcept;

  /// Bytes that puts have stored in this interface's regions: with Counters::composed_bytes and
  /// Counters::staged_bytes, every copy that the NI makes of an operation's data but the wire's
  /// own.
  [[nodiscard]] std::uint64_t placed_bytes() const noexcept;

  /// What the link has done; nothing without one.
  [[nodiscard]] std::optional<LinkReport> link_report() const noexcept;

  /// What could not be done as asked and was carried on without; one line, or empty.
  [[nodiscard]] const std::string& note() const noexcept;

 private:
  Interface(std::shared_ptr<Core> core, const LinkWire* link) noexcept;

  std::shared_ptr<Core> core_;
  const LinkWire* link_ = nullptr;  // the core's, where there is one
};

}  // namespace smtni::ni
