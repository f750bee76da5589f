#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "ni/link_wire.h"
#include "ni/loopback_wire.h"

// A link by a clock that the test turns: a cycle is a nanosecond.
namespace smtni::ni {

inline std::uint64_t moment = 0;
inline TscInstant turned_clock() noexcept { return TscInstant(moment); }

inline std::byte byte_of(std::uint64_t number, std::size_t at) {
  return static_cast<std::byte>(number * 131 + at * 7);
}

inline std::vector<std::byte> body(std::uint64_t number, std::size_t size) {
  std::vector<std::byte> bytes(size);
  for (std::size_t at = 0; at < size; ++at) bytes[at] = byte_of(number, at);
  return bytes;
}

// The target: notes what comes and when, requests and answers apart.
struct Inbox final : Arrivals {
  struct Arrival {
    std::uint64_t number;
    std::uint64_t at;
    bool is_whole;

    bool operator==(const Arrival&) const = default;
  };

  Placed place(const Packet& packet) noexcept override {
    const bool is_answer = packet.operation == Operation::answer;
    const Placed verdict = is_answer ? to_answers : to_requests;
    if (verdict != Placed::yes) return verdict;
    const auto expected = body(packet.user_data, packet.payload.size());
    const bool is_whole =
        std::equal(expected.begin(), expected.end(), packet.payload.begin(), packet.payload.end());
    (is_answer ? answers : arrivals).push_back({packet.user_data, moment, is_whole});
    return Placed::yes;
  }

  Placed to_requests = Placed::yes;
  Placed to_answers = Placed::yes;
  std::deque<Arrival> arrivals;  // requests
  std::deque<Arrival> answers;
};

class LinkWireTest : public testing::Test {
 protected:
  void SetUp() override { moment = 1000; }

  void open(const LinkOptions& options) {
    auto created = LinkWire::create(std::make_unique<LoopbackWire>(), options,
                                    {.now = turned_clock, .megahertz = 1000});
    ASSERT_TRUE(created) << created.error().what;
    wire = *std::move(created);
  }

  // The next packet, whose payload follows from its number.
  Placed send(std::size_t size, Operation operation = Operation::message) {
    const auto payload = body(sent + 1, size);
    Packet packet;
    packet.operation = operation;
    packet.user_data = sent + 1;
    packet.payload = payload;
    const Placed placed = wire->transmit(packet, inbox);
    if (placed == Placed::yes) ++sent;
    return placed;
  }
  std::size_t send_all(std::size_t size, Operation operation = Operation::message) {
    std::size_t count = 0;
    while (send(size, operation) == Placed::yes) ++count;
    return count;
  }
  void deliver_at(std::uint64_t at) {
    moment = at;
    while (wire->deliver(inbox)) continue;
  }

  std::unique_ptr<LinkWire> wire;
  Inbox inbox;
  std::uint64_t sent = 0;
};

using Arrival = Inbox::Arrival;

}  // namespace smtni::ni
