#include "ni/link_wire.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "core/expect.h"
#include "ni/counters.h"

namespace smtni::ni {
namespace {

static_assert(kLeastLinkCredit / kSmallPart >= LinkWire::kSmallPayload + LinkWire::kHeader,
              "the least credit carries a small packet of any length");

std::uint64_t read(const std::atomic<std::uint64_t>& counter) noexcept {
  return counter.load(std::memory_order_relaxed);  // relaxed: a statistic orders nothing
}

// REQUIRES: nobody else adds here at the same time.
void add(std::atomic<std::uint64_t>& counter, std::uint64_t amount) noexcept {
  counter.store(read(counter) + amount, std::memory_order_relaxed);  // relaxed: a statistic
}

}  // namespace

Result<std::unique_ptr<LinkWire>> LinkWire::create(std::unique_ptr<Wire> inner,
                                                   const LinkOptions& options, Time time) {
  SMTNI_EXPECT(inner != nullptr && time.now != nullptr && time.megahertz > 0);
  if (auto checked = check_link(options); !checked) return tl::unexpected(checked.error());
  auto store = allocate({.size = 2 * options.credit});
  if (!store) return tl::unexpected(store.error());
  return std::unique_ptr<LinkWire>(
      new LinkWire(std::move(inner), options, time, *std::move(store)));
}

LinkWire::LinkWire(std::unique_ptr<Wire> inner, const LinkOptions& options, Time time, Memory store)
    : inner_(std::move(inner)),
      time_(time),
      requested_(options.gigabits_per_second),
      latency_(options.latency),
      max_payload_(std::min(static_cast<std::size_t>(
                                (options.credit - options.credit / kSmallPart - kHeader).count()),
                            inner_->max_payload())),
      store_(std::move(store)),
      schedule_(options, time.megahertz),
      flights_(options.packet_credit) {
  const std::uint64_t bytes = options.credit.count();
  const std::uint64_t packets = options.packet_credit;
  credit_ = {Credit{bytes / kSmallPart, packets / kSmallPart},
             Credit{bytes - bytes / kSmallPart, packets - packets / kSmallPart}};
}

LinkWire::Class LinkWire::class_of(const Packet& packet) noexcept {
  return packet.payload.size() <= kSmallPayload.count() ? Class::small : Class::bulk;
}

LinkWire::Credit& LinkWire::credit_of(const Packet& packet) noexcept {
  return credit_[static_cast<std::size_t>(class_of(packet))];
}

Placed LinkWire::transmit(const Packet& packet, Arrivals& /*arrivals*/) noexcept {
  if (packet.payload.size() > max_payload_) return Placed::too_large;
  const std::uint64_t bytes = packet.payload.size() + kHeader.count();
  Credit& credit = credit_of(packet);
  if (credit.packets == 0 || credit.bytes < bytes) {
    count(tallies_.held_back);
    return Placed::would_block;
  }
  --credit.packets;
  credit.bytes -= bytes;

  Flight& flight = flights_[(head_ + in_flight_++) % flights_.size()];
  flight.packet = packet;
  flight.packet.payload = stored(packet.payload);
  const LinkSchedule::Journey journey = schedule_.next(bytes, time_.now());
  flight.due = journey.due;
  flight.is_lost = journey.is_lost;
  if (read(tallies_.taken) == 0) {
    tallies_.first_departure.store(journey.departure.reading(), std::memory_order_relaxed);
  }
  add(tallies_.busy_cycles, journey.sending.count());
  add(tallies_.taken_bytes, bytes);
  add(tallies_.taken, 1);
  return Placed::yes;
}

bool LinkWire::deliver(Arrivals& arrivals) noexcept {
  bool moved = false;
  if (in_flight_ != 0) {
    const TscInstant now = time_.now();
    for (int turn = 0; turn < kTurn && in_flight_ != 0; ++turn) {
      const Flight& head = flights_[head_];
      if (head.due > now || !hand_over(head, arrivals)) break;
      settle(now);
      moved = true;
    }
  }
  return inner_->deliver(arrivals) || moved;
}

// A copy of the payload, in whole lines.
//
// The store is used round and round, and is twice as large as all credit. What is in flight is in
// one run of the ring, in order, and each packet, rounded up to lines, takes less than the credit
// it was charged, for that counts a header of one line. A run is at most its packets and, at the
// store's end, a gap smaller than the packet that did not fit there. That packet is in the run as
// long as the gap is: so run and gap stay below twice the credit, and no packet meets another.
std::span<const std::byte> LinkWire::stored(std::span<const std::byte> payload) noexcept {
  const std::size_t room = (payload.size() + kCacheLine - 1) / kCacheLine * kCacheLine;
  const std::span<std::byte> store = store_.mapping.pages();
  if (next_byte_ + room > store.size()) next_byte_ = 0;
  const std::span<std::byte> copy = store.subspan(next_byte_, payload.size());
  if (!payload.empty()) std::memcpy(copy.data(), payload.data(), payload.size());
  next_byte_ += room;
  return copy;
}

// False when the target is full: the packet stays where it is.
bool LinkWire::hand_over(const Flight& flight, Arrivals& arrivals) noexcept {
  if (flight.is_lost) {
    count(tallies_.lost);
    return true;
  }
  const Placed placed = inner_->transmit(flight.packet, arrivals);
  if (placed == Placed::would_block) {
    count(tallies_.target_full);
    return false;
  }
  if (placed != Placed::yes) count(tallies_.undeliverable);
  return true;
}

// The packet at the head has left the link: its credit comes back. Statistics are relaxed: they
// order nothing.
void LinkWire::settle(TscInstant now) noexcept {
  const Packet& packet = flights_[head_].packet;
  const std::uint64_t bytes = packet.payload.size() + kHeader.count();
  Credit& credit = credit_of(packet);
  ++credit.packets;
  credit.bytes += bytes;
  head_ = (head_ + 1) % flights_.size();
  --in_flight_;
  add(tallies_.settled_bytes, bytes);
  tallies_.last_arrival.store(now.reading(), std::memory_order_relaxed);
  // [settle] release: whoever sees the count sees what was placed.
  tallies_.settled.store(read(tallies_.settled) + 1, std::memory_order_release);
}

Passage LinkWire::passage() const noexcept {
  // First what has left the link, then what the wire inside still has of it: read the other way
  // round, a packet between the two would be missed.
  std::uint64_t settled = tallies_.settled.load(std::memory_order_acquire);  // [settle]
  const Passage inside = inner_->passage();
  settled -= std::min(settled, inside.taken - inside.settled);
  return {.taken = read(tallies_.taken), .settled = settled};
}

LinkReport LinkWire::report() const noexcept {
  const auto span = [&](std::uint64_t from, std::uint64_t to) {
    const TscCycles cycles = TscInstant(to) - TscInstant(from);
    return static_cast<double>(cycles.count()) * 1000.0 / time_.megahertz;
  };
  const auto whole = [](double ns) { return Nanoseconds(static_cast<std::uint64_t>(ns)); };
  LinkReport report;
  const std::uint64_t settled = tallies_.settled.load(std::memory_order_acquire);  // [settle]
  report.packets = read(tallies_.taken);
  report.bytes = Bytes(read(tallies_.taken_bytes));
  report.lost = read(tallies_.lost);
  report.undeliverable = read(tallies_.undeliverable);
  report.in_flight = report.packets - settled;
  report.held_back = read(tallies_.held_back);
  report.target_full = read(tallies_.target_full);
  report.busy = whole(span(0, read(tallies_.busy_cycles)));
  report.requested_gigabits_per_second = requested_;
  if (settled == 0) return report;
  const double elapsed_ns = span(read(tallies_.first_departure), read(tallies_.last_arrival));
  report.elapsed = whole(elapsed_ns);
  const double sending_ns = elapsed_ns - static_cast<double>(latency_.count());
  if (sending_ns > 0) {
    report.achieved_gigabits_per_second =
        static_cast<double>(read(tallies_.settled_bytes)) * 8.0 / sending_ns;
  }
  return report;
}

Result<std::unique_ptr<LinkWire>> with_link(std::unique_ptr<Wire> inner,
                                            const LinkOptions& options) {
  if (auto checked = check_link(options); !checked) return tl::unexpected(checked.error());
  std::optional<TscClock> clock = options.clock;
  if (!clock) {
    const auto calibrated = TscClock::calibrate();
    if (!calibrated) return tl::unexpected(calibrated.error());
    clock = *calibrated;
  }
  return LinkWire::create(std::move(inner), options,
                          {.now = TscClock::now, .megahertz = clock->megahertz()});
}

}  // namespace smtni::ni
