// What a link promises, by a clock that the test turns: exact, whatever the machine does. The last
// cases go through an interface. What it promises for answers: link_answers_test.cc.
#include "ni/link_wire.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "ni/interface.h"
#include "ni/loopback_wire.h"
#include "tests/unit/link_fixture.h"

namespace smtni::ni {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 30s;
constexpr std::uint64_t kSeed = 20021;

TEST_F(LinkWireTest, TakesTheTimeOfItsBytesAndTheLatency) {
  open({.gigabits_per_second = 8, .latency = Nanoseconds(500)});
  ASSERT_EQ(send(36), Placed::yes);  // 100 bytes with its header: 100 ns
  deliver_at(1599);
  EXPECT_TRUE(inbox.arrivals.empty());
  deliver_at(1600);
  ASSERT_EQ(inbox.arrivals.size(), 1U);
  EXPECT_EQ(inbox.arrivals[0], (Arrival{1, 1600, true}));
}

TEST_F(LinkWireTest, SendsOnePacketAfterTheOther) {
  open({.gigabits_per_second = 8, .latency = Nanoseconds(500)});
  ASSERT_EQ(send(36), Placed::yes);
  ASSERT_EQ(send(936), Placed::yes);
  ASSERT_EQ(send(36), Placed::yes);
  for (std::uint64_t at = 1001; at <= 2800; ++at) deliver_at(at);
  ASSERT_EQ(inbox.arrivals.size(), 3U);
  EXPECT_EQ(inbox.arrivals[0], (Arrival{1, 1600, true}));
  EXPECT_EQ(inbox.arrivals[1], (Arrival{2, 2600, true}));
  EXPECT_EQ(inbox.arrivals[2], (Arrival{3, 2700, true}));
}

TEST_F(LinkWireTest, IsFreeAtOnceAfterIdling) {
  open({.gigabits_per_second = 8});
  ASSERT_EQ(send(36), Placed::yes);
  deliver_at(9000);
  ASSERT_EQ(send(36), Placed::yes);
  deliver_at(9099);
  EXPECT_EQ(inbox.arrivals.size(), 1U);
  deliver_at(9100);
  EXPECT_EQ(inbox.arrivals.size(), 2U);
}

TEST_F(LinkWireTest, WithoutRateAndLatencyIsDueAtOnce) {
  open({});
  ASSERT_EQ(send(4096), Placed::yes);
  EXPECT_TRUE(inbox.arrivals.empty());
  deliver_at(1000);
  EXPECT_EQ(inbox.arrivals.size(), 1U);
}

TEST_F(LinkWireTest, LosesNoTimeOverManySmallPackets) {
  LinkSchedule fast({.gigabits_per_second = 100}, 1000);  // 10.24 cycles for 128 bytes
  LinkSchedule odd({.gigabits_per_second = 3}, 1000);     // 341.33
  TscInstant fast_due;
  TscInstant odd_due;
  for (int packet = 0; packet < 300'000; ++packet) {
    fast_due = fast.next(128, TscInstant(0)).due;
    odd_due = odd.next(128, TscInstant(0)).due;
  }
  EXPECT_NEAR(static_cast<double>(fast_due.reading()), 3'072'000, 1);
  EXPECT_NEAR(static_cast<double>(odd_due.reading()), 102'400'000, 1);
}

TEST_F(LinkWireTest, NoPacketIsDueBeforeTheOneAhead) {
  SCOPED_TRACE("seed " + std::to_string(kSeed));
  LinkSchedule schedule({.jitter = Nanoseconds(300), .seed = kSeed}, 1000);
  TscInstant ahead;
  for (std::uint64_t at = 0; at < 1000; ++at) {
    const TscInstant due = schedule.next(100, TscInstant(at)).due;
    ASSERT_GE(due, ahead) << at;
    ahead = due;
  }
}

TEST_F(LinkWireTest, JitterSpreadsButNeverReorders) {
  SCOPED_TRACE("seed " + std::to_string(kSeed));
  open({.latency = Nanoseconds(500), .jitter = Nanoseconds(300), .seed = kSeed});
  std::uint64_t shortest = ~0ULL;
  std::uint64_t longest = 0;
  for (int round = 0; round < 2000; ++round) {  // each alone: nothing ahead to wait for
    const std::uint64_t start = moment;
    ASSERT_EQ(send(8), Placed::yes);
    while (inbox.arrivals.empty() && moment < start + 1000) deliver_at(moment + 1);
    ASSERT_FALSE(inbox.arrivals.empty());
    shortest = std::min(shortest, inbox.arrivals.front().at - start);
    longest = std::max(longest, inbox.arrivals.front().at - start);
    inbox.arrivals.clear();
  }
  EXPECT_GE(shortest, 500U);
  EXPECT_LT(shortest, 510U);
  EXPECT_GT(longest, 790U);
  EXPECT_LE(longest, 800U);

  const std::uint64_t first = sent + 1;
  for (int packet = 0; packet < 100; ++packet) {
    ASSERT_EQ(send(8), Placed::yes);
    deliver_at(moment + 10);
  }
  deliver_at(moment + 1000);
  ASSERT_EQ(inbox.arrivals.size(), 100U);
  for (std::uint64_t at = 0; at < 100; ++at) EXPECT_EQ(inbox.arrivals[at].number, first + at);
}

TEST_F(LinkWireTest, HoldsBackBeyondTheCreditOfBytesUntilItComesBack) {
  open({.latency = Nanoseconds(100), .credit = 4 * kKiB});
  EXPECT_EQ(send_all(448), 7U);  // bulk: 3584 bytes, packets of 512
  EXPECT_EQ(send_all(192), 2U);  // small: 512 bytes, packets of 256
  EXPECT_EQ(wire->report().held_back, 2U);
  EXPECT_EQ(wire->report().in_flight, 9U);
  deliver_at(1100);
  EXPECT_EQ(wire->report().in_flight, 0U);
  EXPECT_EQ(send_all(448), 7U);
  EXPECT_EQ(send_all(192), 2U);
}

TEST_F(LinkWireTest, HoldsBackBeyondTheCreditOfPackets) {
  open({.latency = Nanoseconds(100), .packet_credit = 80});
  EXPECT_EQ(send_all(257), 70U);
  EXPECT_EQ(send_all(256), 10U);
  deliver_at(1100);
  EXPECT_EQ(send_all(257), 70U);
  EXPECT_EQ(send_all(256), 10U);
}

TEST_F(LinkWireTest, SmallPacketsAreTakenWhileBulkWaitsAndArriveInTheOrderTaken) {
  open({.gigabits_per_second = 8, .credit = 4 * kKiB});
  ASSERT_EQ(send_all(448), 7U);
  ASSERT_EQ(send(36), Placed::yes);
  ASSERT_EQ(send(448), Placed::would_block);
  deliver_at(10'000);
  ASSERT_EQ(inbox.arrivals.size(), 8U);
  for (std::uint64_t at = 0; at < 8; ++at) EXPECT_EQ(inbox.arrivals[at].number, at + 1);
}

TEST_F(LinkWireTest, RefusesWhatAllCreditCannotCarry) {
  open({.credit = 4 * kKiB});
  EXPECT_EQ(wire->max_payload(), 3520U);
  EXPECT_EQ(send(3521), Placed::too_large);
  EXPECT_EQ(send(3520), Placed::yes);
}

TEST_F(LinkWireTest, LosesThePartAskedForAndGivesItsCreditBack) {
  SCOPED_TRACE("seed " + std::to_string(kSeed));
  open({.gigabits_per_second = 8, .loss = 0.25, .seed = kSeed});
  for (int packet = 0; packet < 100'000; ++packet) {
    ASSERT_EQ(send(36), Placed::yes);
    deliver_at(moment + 100);
  }
  const LinkReport report = wire->report();
  EXPECT_GT(report.lost, 24'000U);
  EXPECT_LT(report.lost, 26'000U);
  EXPECT_EQ(inbox.arrivals.size() + report.lost, 100'000U);
  EXPECT_EQ(report.busy, Nanoseconds(10'000'000));  // a lost packet takes its turn
}

TEST_F(LinkWireTest, LosesNothingUnlessAskedAndEverythingIfAsked) {
  open({});
  EXPECT_EQ(send_all(8), 512U);
  deliver_at(moment);
  EXPECT_EQ(inbox.arrivals.size(), 512U);
  open({.loss = 1});
  EXPECT_EQ(send_all(8), 512U);
  deliver_at(moment);
  EXPECT_EQ(inbox.arrivals.size(), 512U);
  EXPECT_EQ(wire->report().lost, 512U);
}

TEST_F(LinkWireTest, KeepsEverythingWhileTheTargetIsFull) {
  open({.credit = 4 * kKiB});
  inbox.to_requests = Placed::would_block;
  ASSERT_EQ(send_all(448), 7U);
  for (int turn = 0; turn < 5; ++turn) EXPECT_FALSE(wire->deliver(inbox));
  EXPECT_EQ(send(448), Placed::would_block);  // credit has not come back
  EXPECT_EQ(wire->report().target_full, 5U);
  EXPECT_EQ(wire->passage().settled, 0U);
  inbox.to_requests = Placed::yes;
  deliver_at(moment);
  ASSERT_EQ(inbox.arrivals.size(), 7U);
  for (std::uint64_t at = 0; at < 7; ++at) {
    EXPECT_EQ(inbox.arrivals[at], (Arrival{at + 1, 1000, true}));
  }
}

TEST_F(LinkWireTest, CountsWhatNobodyTakesAndGivesItsCreditBack) {
  open({.credit = 4 * kKiB});
  inbox.to_requests = Placed::nobody;
  ASSERT_EQ(send_all(448), 7U);
  deliver_at(moment);
  inbox.to_requests = Placed::too_large;
  ASSERT_EQ(send_all(448), 7U);
  deliver_at(moment);
  EXPECT_EQ(wire->report().undeliverable, 14U);
  EXPECT_EQ(send_all(448), 7U);
}

TEST_F(LinkWireTest, KeepsBytesAndCreditOverManyRandomPackets) {
  SCOPED_TRACE("seed " + std::to_string(kSeed));
  open({.gigabits_per_second = 8,
        .latency = Nanoseconds(300),
        .jitter = Nanoseconds(200),
        .credit = 16 * kKiB,
        .packet_credit = 64});
  std::mt19937 random(kSeed);
  std::uint64_t next = 1;
  for (int round = 0; next <= 100'000; ++round) {
    ASSERT_LT(round, 1'000'000) << "credit has leaked";  // about 80,000 do it
    const std::size_t most = random() % 4 == 0 ? wire->max_payload() : 400;
    for (unsigned packets = random() % 8; packets > 0; --packets) {
      if (send(random() % (most + 1)) != Placed::yes) break;
    }
    inbox.to_requests = random() % 4 == 0 ? Placed::would_block : Placed::yes;
    moment += random() % 2000;
    (void)wire->deliver(inbox);
    for (; !inbox.arrivals.empty(); inbox.arrivals.pop_front(), ++next) {
      ASSERT_EQ(inbox.arrivals.front().number, next);
      ASSERT_TRUE(inbox.arrivals.front().is_whole) << next;
    }
  }
  inbox.to_requests = Placed::yes;
  deliver_at(moment + 100'000);
  EXPECT_EQ(next + inbox.arrivals.size(), sent + 1);
  EXPECT_EQ(wire->report().in_flight, 0U);
  EXPECT_EQ(send_all(448), 28U);  // all credit is back: 14 KiB of bulk, 2 KiB of small
  EXPECT_EQ(send_all(192), 8U);
}

TEST_F(LinkWireTest, ReportsTheRateAchieved) {
  open({.gigabits_per_second = 8, .latency = Nanoseconds(500)});
  EXPECT_EQ(wire->report().achieved_gigabits_per_second, 0);
  for (int packet = 0; packet < 11; ++packet) ASSERT_EQ(send(36), Placed::yes);
  for (std::uint64_t at = 1001; at <= 2600; ++at) deliver_at(at);
  const LinkReport report = wire->report();
  EXPECT_EQ(report.packets, 11U);
  EXPECT_EQ(report.bytes, Bytes(1100));
  EXPECT_EQ(report.in_flight, 0U);
  EXPECT_EQ(report.busy, Nanoseconds(1100));
  EXPECT_EQ(report.elapsed, Nanoseconds(1600));
  EXPECT_DOUBLE_EQ(report.requested_gigabits_per_second, 8);
  EXPECT_DOUBLE_EQ(report.achieved_gigabits_per_second, 8);
}

TEST(LinkOptionsTest, RefusesWhatNoLinkCanBe) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::vector<std::pair<LinkOptions, std::string>> refused = {
      {{.gigabits_per_second = nan}, "accepted: 0 (unlimited), 0.001 to 10000"},
      {{.gigabits_per_second = -1}, "a rate of -1.0"},
      {{.gigabits_per_second = 0.0001}, "0.001 to 10000"},
      {{.gigabits_per_second = 20'000}, "0.001 to 10000"},
      {{.latency = Nanoseconds(1'000'000'001)}, "up to 1000000000"},
      {{.jitter = Nanoseconds(1'000'000'001)}, "up to 1000000000"},
      {{.loss = nan}, "0 (none) to 1 (everything)"},
      {{.loss = -0.1}, "0 (none) to 1 (everything)"},
      {{.loss = 1.1}, "0 (none) to 1 (everything)"},
      {{.credit = Bytes(4095)}, "4096 to 268435456"},
      {{.credit = 257 * kMiB}, "4096 to 268435456"},
      {{.packet_credit = 7}, "8 to 262144"},
      {{.packet_credit = 262'145}, "8 to 262144"},
  };
  for (const auto& [options, accepted] : refused) {
    const auto wire = with_link(std::make_unique<LoopbackWire>(), options);
    ASSERT_FALSE(wire) << accepted;
    EXPECT_EQ(wire.error().kind, Error::Kind::invalid);
    EXPECT_NE(wire.error().what.find(accepted), std::string::npos) << wire.error().what;
  }
  EXPECT_TRUE(check_link({.gigabits_per_second = 0.001, .loss = 1, .credit = 4 * kKiB}));
}

TEST(LinkedInterfaceTest, NeedsAThreadOfItsOwn) {
  const auto refused =
      Interface::start({.drive = Drive::in_the_call, .link = LinkOptions{.latency = {}}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, Error::Kind::invalid);
}

TEST(LinkedInterfaceTest, RefusesASendThatTheLinkCannotCarry) {
  auto interface = Interface::start({.link = LinkOptions{.credit = 4 * kKiB}});
  ASSERT_TRUE(interface) << interface.error().what;
  auto self = interface->open_endpoint();
  ASSERT_TRUE(self);
  const auto payload = body(1, 3521);
  const Sent sent = self->send(self->address(), payload);
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.why(), Error::Kind::message_too_large);
  EXPECT_TRUE(self->send(self->address(), std::span(payload).first(3520)));
}

TEST(LinkedInterfaceTest, ClosingWaitsForWhatIsOnTheLink) {
  auto interface = Interface::start({.link = LinkOptions{.latency = Nanoseconds(50'000'000)}});
  ASSERT_TRUE(interface) << interface.error().what;
  auto inbox = interface->open_endpoint();
  auto outbox = interface->open_endpoint();
  ASSERT_TRUE(inbox && outbox);
  ASSERT_TRUE(outbox->send(inbox->address(), body(7, 100), {.user_data = 7}));
  const auto closed = outbox->close(in(kPatience));
  EXPECT_TRUE(closed) << closed.error().what;
  const Received message = inbox->try_receive();
  ASSERT_TRUE(message);
  EXPECT_EQ(message->info.user_data, 7U);
  const auto report = interface->link_report();
  ASSERT_TRUE(report);
  EXPECT_EQ(report->packets, 1U);
  EXPECT_EQ(report->in_flight, 0U);
}

TEST(LinkedInterfaceTest, ClosingTellsWhatIsLeftOnTheLinkAndItStillArrives) {
  auto interface = Interface::start({.link = LinkOptions{.latency = Nanoseconds(300'000'000)}});
  ASSERT_TRUE(interface) << interface.error().what;
  auto inbox = interface->open_endpoint();
  auto outbox = interface->open_endpoint();
  ASSERT_TRUE(inbox && outbox);
  ASSERT_TRUE(outbox->send(inbox->address(), body(7, 100), {.user_data = 7}));
  while (interface->link_report()->packets == 0) std::this_thread::yield();
  const auto closed = outbox->close(in(0s));
  ASSERT_FALSE(closed);
  EXPECT_EQ(closed.error().kind, Error::Kind::timed_out);
  EXPECT_EQ(closed.error().what.substr(0, 10), "1 packets ");
  const Received message = inbox->receive(in(kPatience));
  ASSERT_TRUE(message);
  EXPECT_EQ(message->info.user_data, 7U);
}

TEST(LinkedInterfaceTest, HasNoReportWithoutALink) {
  const auto interface = Interface::start();
  ASSERT_TRUE(interface) << interface.error().what;
  EXPECT_FALSE(interface->link_report());
}

}  // namespace
}  // namespace smtni::ni
