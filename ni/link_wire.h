#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/cpu.h"
#include "core/memory.h"
#include "core/result.h"
#include "core/units.h"
#include "ni/link_options.h"
#include "ni/link_schedule.h"
#include "ni/wire.h"

namespace smtni::ni {

/// What a link has done. Every figure is recent; together they are a snapshot only at rest.
struct LinkReport {
  std::uint64_t packets = 0;                 ///< taken from senders
  Bytes bytes;                               ///< of these, with headers
  std::uint64_t lost = 0;                    ///< of these, vanished
  std::uint64_t undeliverable = 0;           ///< of these, refused for good by the target
  std::uint64_t in_flight = 0;               ///< of these, still on the link
  std::uint64_t held_back = 0;               ///< attempts to send for which there was no credit
  std::uint64_t target_full = 0;             ///< attempts to place for which the target had no room
  Nanoseconds busy;                          ///< time for which the link was sending
  Nanoseconds elapsed;                       ///< from the first departure to the latest arrival
  double requested_gigabits_per_second = 0;  ///< 0: unlimited
  /// Of what has come off the link, from the first departure to the latest arrival without the
  /// latency, by the clock that saw it come: never more than requested. Idle time counts, too: it
  /// is what was asked for only while senders keep up and credit lasts.
  double achieved_gigabits_per_second = 0;
};

/// Rate, latency, jitter, loss and credit around any wire.
///
/// The link is serial. A packet departs when those before it have been sent, takes its bytes' time
/// at the link's rate, then the latency and its jitter. Packets come off it in the order in which
/// they were taken, whatever their class. One whose target is full stays at the head, and all
/// behind it wait: there is one order and no virtual channel. A lost packet takes its turn, and
/// vanishes where it would have arrived. Nothing is sent again.
///
/// Two classes, small (payload of up to kSmallPayload) and bulk, have credit of their own: a small
/// packet is never refused because bulk ones have used up the link. Credit comes back, at no delay,
/// when the target has placed the packet or refuses it for good; while the target is full it does
/// not, so that back-pressure reaches the sender. A sender is held to credit / round trip, where
/// the round trip is latency and time on the link.
///
/// Moments are read from the time stamp and compared; nothing sleeps. All memory is taken at
/// construction.
///
/// THREADS: transmit() and deliver() belong to one thread, the dedicated NI thread: an NI in the
/// call has nobody to move what arrives later. passage() and report(): any.
class LinkWire final : public Wire {
 public:
  /// What a packet costs the link and its credit beside its payload.
  static constexpr Bytes kHeader{kCacheLine};
  /// The longest payload of a small packet.
  static constexpr Bytes kSmallPayload{256};

  /// Where time comes from. Tests bring their own.
  struct Time {
    TscInstant (*now)() noexcept;
    double megahertz;
  };

  /// `invalid`, naming what is accepted, for options outside what LinkOptions states.
  static Result<std::unique_ptr<LinkWire>> create(std::unique_ptr<Wire> inner,
                                                  const LinkOptions& options, Time time);

  /// `would_block` without credit; `too_large` for what is longer than max_payload().
  /// May be called while a packet is being placed. COST: copies the payload.
  Placed transmit(const Packet& packet, Arrivals& arrivals) noexcept override;
  /// Hands over what is due, in order, at most kTurn packets a call; then lets the wire inside
  /// deliver.
  bool deliver(Arrivals& arrivals) noexcept override;

  /// A header less than bulk's credit; less still if the wire inside says so.
  [[nodiscard]] std::size_t max_payload() const noexcept override { return max_payload_; }
  [[nodiscard]] Passage passage() const noexcept override;
  [[nodiscard]] LinkReport report() const noexcept;

 private:
  static constexpr int kTurn = 64;

  enum class Class : std::uint8_t { small, bulk };

  struct Credit {
    std::uint64_t bytes;
    std::uint64_t packets;
  };

  // A packet on the link; its payload lies in the store.
  struct Flight {
    Packet packet;
    TscInstant due;
    bool is_lost = false;
  };

  // Written by the NI thread alone.
  struct Tallies {
    std::atomic<std::uint64_t> taken{0};
    std::atomic<std::uint64_t> taken_bytes{0};
    std::atomic<std::uint64_t> settled{0};
    std::atomic<std::uint64_t> settled_bytes{0};
    std::atomic<std::uint64_t> lost{0};
    std::atomic<std::uint64_t> undeliverable{0};
    std::atomic<std::uint64_t> held_back{0};
    std::atomic<std::uint64_t> target_full{0};
    std::atomic<std::uint64_t> busy_cycles{0};
    std::atomic<std::uint64_t> first_departure{0};
    std::atomic<std::uint64_t> last_arrival{0};
  };

  LinkWire(std::unique_ptr<Wire> inner, const LinkOptions& options, Time time, Memory store);

  static Class class_of(const Packet& packet) noexcept;
  Credit& credit_of(const Packet& packet) noexcept;
  std::span<const std::byte> stored(std::span<const std::byte> payload) noexcept;
  bool hand_over(const Flight& flight, Arrivals& arrivals) noexcept;
  void settle(TscInstant now) noexcept;

  const std::unique_ptr<Wire> inner_;
  const Time time_;
  const double requested_;
  const Nanoseconds latency_;
  const std::size_t max_payload_;
  const Memory store_;

  // The NI thread's.
  LinkSchedule schedule_;
  std::array<Credit, 2> credit_;  // by Class
  std::vector<Flight> flights_;   // a ring, from head_, of in_flight_
  std::size_t head_ = 0;
  std::size_t in_flight_ = 0;
  std::size_t next_byte_ = 0;  // of the store

  alignas(kLinePair) Tallies tallies_;
};

/// `inner` behind a link. `invalid`, naming what is accepted, for options outside what LinkOptions
/// states; `unsupported` without an invariant time stamp.
Result<std::unique_ptr<LinkWire>> with_link(std::unique_ptr<Wire> inner,
                                            const LinkOptions& options);

}  // namespace smtni::ni
