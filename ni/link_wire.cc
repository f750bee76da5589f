#include "ni/link_wire.h"

#include <algorithm>
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

LinkCredit all_requests(const LinkOptions& options) noexcept {
  return {.bytes = options.credit.count(), .packets = options.packet_credit};
}

LinkCredit all_answers(const LinkOptions& options) noexcept {
  const std::uint64_t two = 2 * (LinkWire::kAnswerPayload + LinkWire::kHeader).count();
  return {.bytes = std::max(options.credit.count(), two), .packets = options.packet_credit};
}

}  // namespace

Result<std::unique_ptr<LinkWire>> LinkWire::create(std::unique_ptr<Wire> inner,
                                                   const LinkOptions& options, Time time) {
  SMTNI_EXPECT(inner != nullptr && time.now != nullptr && time.megahertz > 0);
  if (auto checked = check_link(options); !checked) return tl::unexpected(checked.error());
  auto requests = LinkQueue::create(all_requests(options));
  auto answers = LinkQueue::create(all_answers(options));
  if (!requests || !answers) return tl::unexpected((requests ? answers : requests).error());
  return std::unique_ptr<LinkWire>(
      new LinkWire(std::move(inner), options, time, {*std::move(requests), *std::move(answers)}));
}

LinkWire::LinkWire(std::unique_ptr<Wire> inner, const LinkOptions& options, Time time,
                   Channels channels)
    : inner_(std::move(inner)),
      time_(time),
      requested_(options.gigabits_per_second),
      latency_(options.latency),
      max_request_(std::min(static_cast<std::size_t>(
                                (options.credit - options.credit / kSmallPart - kHeader).count()),
                            inner_->max_payload())),
      max_answer_(std::min<std::size_t>(all_answers(options).bytes - kHeader.count(),
                                        inner_->max_payload())),
      schedule_(options, time.megahertz),
      channels_(std::move(channels)) {
  const auto [bytes, packets] = all_requests(options);
  credit_ = {LinkCredit{bytes / kSmallPart, packets / kSmallPart},
             LinkCredit{bytes - bytes / kSmallPart, packets - packets / kSmallPart},
             all_answers(options)};
}

LinkWire::Class LinkWire::class_of(const Packet& packet) noexcept {
  if (packet.operation == Operation::answer) return Class::answer;
  return packet.payload.size() <= kSmallPayload.count() ? Class::small : Class::bulk;
}

LinkCredit& LinkWire::credit_of(const Packet& packet) noexcept {
  return credit_[static_cast<std::size_t>(class_of(packet))];
}

LinkQueue& LinkWire::channel_of(const Packet& packet) noexcept {
  return class_of(packet) == Class::answer ? channels_.answers : channels_.requests;
}

Placed LinkWire::transmit(const Packet& packet, Arrivals& /*arrivals*/) noexcept {
  const bool is_answer = packet.operation == Operation::answer;
  if (packet.payload.size() > (is_answer ? max_answer_ : max_request_)) return Placed::too_large;
  const std::uint64_t bytes = packet.payload.size() + kHeader.count();
  LinkCredit& credit = credit_of(packet);
  if (credit.packets == 0 || credit.bytes < bytes) {
    count(tallies_.held_back);
    return Placed::would_block;
  }
  --credit.packets;
  credit.bytes -= bytes;

  LinkQueue::Flight& flight = channel_of(packet).push(packet);
  const LinkSchedule::Journey journey = schedule_.next(bytes, time_.now());
  flight.due = journey.due;
  flight.is_lost = journey.is_lost;
  flight.number = read(tallies_.taken);
  if (flight.number == 0) {
    tallies_.first_departure.store(journey.departure.reading(), std::memory_order_relaxed);
  }
  add(tallies_.busy_cycles, journey.sending.count());
  add(tallies_.taken_bytes, bytes);
  add(tallies_.taken, 1);
  return Placed::yes;
}

bool LinkWire::deliver(Arrivals& arrivals) noexcept {
  bool moved = deliver_from(channels_.answers, arrivals);
  moved |= deliver_from(channels_.requests, arrivals);
  moved |= inner_->deliver(arrivals);
  settle();
  return moved;
}

bool LinkWire::deliver_from(LinkQueue& channel, Arrivals& arrivals) noexcept {
  if (channel.is_empty()) return false;
  bool moved = false;
  const TscInstant now = time_.now();
  for (int turn = 0; turn < kTurn && !channel.is_empty(); ++turn) {
    const LinkQueue::Flight& head = channel.head();
    if (head.due > now || !hand_over(head, arrivals)) break;
    take_off(channel, now);
    moved = true;
  }
  return moved;
}

// False when the target is full: the packet stays where it is.
bool LinkWire::hand_over(const LinkQueue::Flight& flight, Arrivals& arrivals) noexcept {
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

// The channel's head has left the link: its credit comes back. Statistics are relaxed: they order
// nothing.
void LinkWire::take_off(LinkQueue& channel, TscInstant now) noexcept {
  const Packet& packet = channel.head().packet;
  const std::uint64_t bytes = packet.payload.size() + kHeader.count();
  LinkCredit& credit = credit_of(packet);
  ++credit.packets;
  credit.bytes += bytes;
  channel.pop();
  add(tallies_.gone_bytes, bytes);
  tallies_.last_arrival.store(now.reading(), std::memory_order_relaxed);
  // [gone] release: whoever counts a packet as gone counts it as taken.
  tallies_.gone.store(read(tallies_.gone) + 1, std::memory_order_release);
}

// All that was taken before the older of the two heads is off the link. It is settled when the wire
// inside has settled all that it had taken by then; how many that is says nothing of which, for
// packets get there out of order, and lost ones do not. So one mark at a time waits for the wire
// inside, however much follows.
void LinkWire::settle() noexcept {
  const Passage inside = inner_->passage();
  if (inside.settled < mark_.inside) return;
  const std::uint64_t reached = mark_.taken;
  mark_ = {.taken = read(tallies_.taken), .inside = inside.taken};
  for (const LinkQueue* channel : {&channels_.requests, &channels_.answers}) {
    if (!channel->is_empty()) mark_.taken = std::min(mark_.taken, channel->head().number);
  }
  const std::uint64_t settled = inside.settled < inside.taken ? reached : mark_.taken;
  if (settled == read(tallies_.settled)) return;
  // [settle] release: whoever sees the count sees what was placed.
  tallies_.settled.store(settled, std::memory_order_release);
}

Passage LinkWire::passage() const noexcept {
  const std::uint64_t settled = tallies_.settled.load(std::memory_order_acquire);  // [settle]
  return {.taken = read(tallies_.taken), .settled = settled};
}

LinkReport LinkWire::report() const noexcept {
  const auto span = [&](std::uint64_t from, std::uint64_t to) {
    const TscCycles cycles = TscInstant(to) - TscInstant(from);
    return static_cast<double>(cycles.count()) * 1000.0 / time_.megahertz;
  };
  const auto whole = [](double ns) { return Nanoseconds(static_cast<std::uint64_t>(ns)); };
  LinkReport report;
  const std::uint64_t gone = tallies_.gone.load(std::memory_order_acquire);  // [gone]
  report.packets = read(tallies_.taken);
  report.bytes = Bytes(read(tallies_.taken_bytes));
  report.lost = read(tallies_.lost);
  report.undeliverable = read(tallies_.undeliverable);
  report.in_flight = report.packets - gone;
  report.held_back = read(tallies_.held_back);
  report.target_full = read(tallies_.target_full);
  report.busy = whole(span(0, read(tallies_.busy_cycles)));
  report.requested_gigabits_per_second = requested_;
  if (gone == 0) return report;
  const double elapsed_ns = span(read(tallies_.first_departure), read(tallies_.last_arrival));
  report.elapsed = whole(elapsed_ns);
  const double sending_ns = elapsed_ns - static_cast<double>(latency_.count());
  if (sending_ns > 0) {
    report.achieved_gigabits_per_second =
        static_cast<double>(read(tallies_.gone_bytes)) * 8.0 / sending_ns;
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
