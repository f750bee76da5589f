#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

#include "core/cpu.h"
#include "core/result.h"
#include "core/units.h"
#include "ni/link_options.h"
#include "ni/link_queue.h"
#include "ni/link_schedule.h"
#include "ni/wire.h"

namespace smtni::ni {

/// What a link has done. Every figure is recent; together they are a snapshot only at rest.
struct LinkReport {
  std::uint64_t packets = 0;                 ///< taken from senders, answers among them
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
/// at the link's rate, then the latency and its jitter. A lost packet takes its turn, and vanishes
/// where it would have arrived. Nothing is sent again: an operation whose answer is lost has been
/// carried out, and never completes at its origin; neither does one that is lost itself.
///
/// Two virtual channels share it, answers (Operation::answer) and requests (all others). Each keeps
/// the order in which its packets were taken; between the two nothing is promised. A packet whose
/// target is full stays at its channel's head, and all behind it there wait; the other channel goes
/// on. An answer waits for no request but those that are sent before it, so two nodes that are full
/// of each other's requests, each of which takes a request only when it can answer, do not stop
/// each other for ever.
///
/// Requests are of two classes, small (payload of up to kSmallPayload) and bulk. Each has credit of
/// its own, so a small request is never refused because bulk ones have used up the link; and so
/// have answers: as much as all requests together, and never less than two of kAnswerPayload need.
/// Credit comes back, at no delay, when the target has placed the packet or refuses it for good;
/// while the target is full it does not, so that back-pressure reaches the sender. A sender is held
/// to credit / round trip, where the round trip is latency and time on the link.
///
/// Moments are read from the time stamp and compared; nothing sleeps. All memory is taken at
/// construction.
///
/// THREADS: transmit() and deliver() belong to one thread, the dedicated NI thread: an NI in the
/// call has nobody to move what arrives later. passage() and report(): any.
class LinkWire final : public Wire {
 public:
  /// What a packet costs the link and its credit beside its payload.
  static constexpr Bytes kHeader = LinkQueue::kHeader;
  /// The longest payload of a small request.
  static constexpr Bytes kSmallPayload{256};
  /// The payload that an answer may have whatever the credit, if the wire inside carries it.
  static constexpr Bytes kAnswerPayload = 16 * kKiB;

  /// Where time comes from. Tests bring their own.
  struct Time {
    TscInstant (*now)() noexcept;
    double megahertz;
  };

  /// `invalid`, naming what is accepted, for options outside what LinkOptions states.
  static Result<std::unique_ptr<LinkWire>> create(std::unique_ptr<Wire> inner,
                                                  const LinkOptions& options, Time time);

  /// `would_block` without credit; `too_large` for a request longer than max_payload(), and for an
  /// answer that all credit of answers, or the wire inside, does not carry.
  /// May be called while a packet is being placed. COST: copies the payload.
  Placed transmit(const Packet& packet, Arrivals& arrivals) noexcept override;
  /// Hands over what is due, answers first, at most kTurn packets of each channel; then lets the
  /// wire inside deliver.
  bool deliver(Arrivals& arrivals) noexcept override;

  /// A request's: a header less than bulk's credit; less still if the wire inside says so.
  [[nodiscard]] std::size_t max_payload() const noexcept override { return max_request_; }
  /// As deliver() last saw it. May be behind what the wire inside has settled, never ahead of it.
  [[nodiscard]] bool is_slow() const noexcept override { return true; }
  [[nodiscard]] Passage passage() const noexcept override;
  [[nodiscard]] LinkReport report() const noexcept;

 private:
  static constexpr int kTurn = 64;

  enum class Class : std::uint8_t { small, bulk, answer };

  // Of packets, in the order taken, the first `taken` have been settled once the wire inside has
  // settled the first `inside` of those that it took.
  struct Mark {
    std::uint64_t taken = 0;
    std::uint64_t inside = 0;
  };

  // Written by the NI thread alone.
  struct Tallies {
    std::atomic<std::uint64_t> taken{0};
    std::atomic<std::uint64_t> taken_bytes{0};
    std::atomic<std::uint64_t> gone{0};  // off the link, in whatever order
    std::atomic<std::uint64_t> gone_bytes{0};
    std::atomic<std::uint64_t> settled{0};  // as Passage has it
    std::atomic<std::uint64_t> lost{0};
    std::atomic<std::uint64_t> undeliverable{0};
    std::atomic<std::uint64_t> held_back{0};
    std::atomic<std::uint64_t> target_full{0};
    std::atomic<std::uint64_t> busy_cycles{0};
    std::atomic<std::uint64_t> first_departure{0};
    std::atomic<std::uint64_t> last_arrival{0};
  };

  // What travels together: a channel each.
  struct Channels {
    LinkQueue requests;
    LinkQueue answers;
  };

  LinkWire(std::unique_ptr<Wire> inner, const LinkOptions& options, Time time, Channels channels);

  static Class class_of(const Packet& packet) noexcept;
  LinkCredit& credit_of(const Packet& packet) noexcept;
  LinkQueue& channel_of(const Packet& packet) noexcept;
  bool deliver_from(LinkQueue& channel, Arrivals& arrivals) noexcept;
  bool hand_over(const LinkQueue::Flight& flight, Arrivals& arrivals) noexcept;
  void take_off(LinkQueue& channel, TscInstant now) noexcept;
  void settle() noexcept;

  const std::unique_ptr<Wire> inner_;
  const Time time_;
  const double requested_;
  const Nanoseconds latency_;
  const std::size_t max_request_;
  const std::size_t max_answer_;

  // The NI thread's.
  LinkSchedule schedule_;
  std::array<LinkCredit, 3> credit_;  // by Class
  Channels channels_;
  Mark mark_;

  alignas(kLinePair) Tallies tallies_;
};

/// `inner` behind a link. `invalid`, naming what is accepted, for options outside what LinkOptions
/// states; `unsupported` without an invariant time stamp.
Result<std::unique_ptr<LinkWire>> with_link(std::unique_ptr<Wire> inner,
                                            const LinkOptions& options);

}  // namespace smtni::ni
