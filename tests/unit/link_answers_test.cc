// What a link promises for answers, which have a channel of their own, and how far it says that it
// is when they overtake requests; by a clock that the test turns.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <deque>
#include <random>
#include <string>

#include "ni/link_wire.h"
#include "ni/loopback_wire.h"
#include "tests/unit/link_fixture.h"

namespace smtni::ni {
namespace {

constexpr std::uint64_t kSeed = 20021;

using LinkAnswersTest = LinkWireTest;

TEST_F(LinkAnswersTest, AnAnswerPassesARequestThatTheTargetRefuses) {
  open({});
  inbox.to_requests = Placed::would_block;
  ASSERT_EQ(send(8), Placed::yes);
  ASSERT_EQ(send(8, Operation::answer), Placed::yes);
  ASSERT_EQ(send(8), Placed::yes);
  ASSERT_EQ(send(8, Operation::answer), Placed::yes);
  deliver_at(1000);
  EXPECT_TRUE(inbox.arrivals.empty());
  ASSERT_EQ(inbox.answers.size(), 2U);
  EXPECT_EQ(inbox.answers[0], (Arrival{2, 1000, true}));
  EXPECT_EQ(inbox.answers[1], (Arrival{4, 1000, true}));
  EXPECT_EQ(wire->report().in_flight, 2U);
  inbox.to_requests = Placed::yes;
  deliver_at(1001);
  ASSERT_EQ(inbox.arrivals.size(), 2U);
  EXPECT_EQ(inbox.arrivals[0], (Arrival{1, 1001, true}));
  EXPECT_EQ(inbox.arrivals[1], (Arrival{3, 1001, true}));
}

TEST_F(LinkAnswersTest, ARequestPassesAnAnswerThatTheWireInsideRefuses) {
  open({});
  inbox.to_answers = Placed::would_block;
  ASSERT_EQ(send(8, Operation::answer), Placed::yes);
  ASSERT_EQ(send(8), Placed::yes);
  deliver_at(1000);
  EXPECT_TRUE(inbox.answers.empty());
  EXPECT_EQ(inbox.arrivals.size(), 1U);
  inbox.to_answers = Placed::yes;
  deliver_at(1001);
  EXPECT_EQ(inbox.answers.size(), 1U);
}

TEST_F(LinkAnswersTest, AnswersShareTheLinksTimeWithRequests) {
  open({.gigabits_per_second = 8, .latency = Nanoseconds(500)});
  ASSERT_EQ(send(936), Placed::yes);  // 1000 ns
  ASSERT_EQ(send(36, Operation::answer), Placed::yes);
  ASSERT_EQ(send(36), Placed::yes);
  for (std::uint64_t at = 1001; at <= 2700; ++at) deliver_at(at);
  ASSERT_EQ(inbox.arrivals.size(), 2U);
  ASSERT_EQ(inbox.answers.size(), 1U);
  EXPECT_EQ(inbox.arrivals[0], (Arrival{1, 2500, true}));
  EXPECT_EQ(inbox.answers[0], (Arrival{2, 2600, true}));
  EXPECT_EQ(inbox.arrivals[1], (Arrival{3, 2700, true}));
}

TEST_F(LinkAnswersTest, AnswersHaveCreditWhenRequestsHaveUsedUpTheirs) {
  open({.credit = 4 * kKiB, .packet_credit = 8});
  ASSERT_EQ(send_all(448), 7U);
  ASSERT_EQ(send_all(192), 1U);
  EXPECT_EQ(send_all(8, Operation::answer), 8U);
}

TEST_F(LinkAnswersTest, RequestsHaveCreditWhenAnswersHaveUsedUpTheirs) {
  open({.credit = 4 * kKiB, .packet_credit = 80});
  ASSERT_EQ(send_all(8, Operation::answer), 80U);
  EXPECT_EQ(send_all(448), 7U);
  EXPECT_EQ(send_all(192), 2U);
}

TEST_F(LinkAnswersTest, TwoAnswersOfASegmentFitWhateverTheCredit) {
  open({.credit = 4 * kKiB, .packet_credit = 8});
  for (int round = 0; round < 20; ++round) {
    EXPECT_EQ(send_all(16'384, Operation::answer), 2U);
    deliver_at(moment);
  }
  ASSERT_EQ(inbox.answers.size(), 40U);
  for (const Arrival& answer : inbox.answers) EXPECT_TRUE(answer.is_whole) << answer.number;
}

TEST_F(LinkAnswersTest, AnswersHaveAsMuchCreditAsRequestsWhereThatIsMore) {
  open({.credit = 64 * kKiB});
  EXPECT_EQ(send_all(16'320, Operation::answer), 4U);
  EXPECT_EQ(send(65'473, Operation::answer), Placed::too_large);
  deliver_at(moment);
  EXPECT_EQ(send(65'472, Operation::answer), Placed::yes);
}

TEST_F(LinkAnswersTest, KeepsEachOrderAndAllBytesOverRandomRequestsAndAnswers) {
  SCOPED_TRACE("seed " + std::to_string(kSeed));
  open({.gigabits_per_second = 8,
        .latency = Nanoseconds(300),
        .jitter = Nanoseconds(200),
        .credit = 16 * kKiB,
        .packet_credit = 64});
  std::mt19937 random(kSeed);
  std::deque<std::uint64_t> requests;  // on the link
  std::deque<std::uint64_t> answers;
  const auto check = [](std::deque<std::uint64_t>& expected, std::deque<Arrival>& came) {
    for (; !came.empty(); came.pop_front(), expected.pop_front()) {
      ASSERT_FALSE(expected.empty());
      ASSERT_EQ(came.front().number, expected.front());
      ASSERT_TRUE(came.front().is_whole) << expected.front();
    }
  };
  const auto verdict = [&] { return random() % 4 == 0 ? Placed::would_block : Placed::yes; };
  for (int round = 0; sent < 50'000; ++round) {
    ASSERT_LT(round, 1'000'000) << "credit has leaked";
    for (unsigned packets = random() % 8; packets > 0; --packets) {
      const bool is_answer = random() % 2 == 0;
      const auto operation = is_answer ? Operation::answer : Operation::fetch_add;
      if (send(random() % (random() % 4 == 0 ? 14'000 : 400), operation) != Placed::yes) continue;
      (is_answer ? answers : requests).push_back(sent);
    }
    inbox.to_requests = verdict();
    inbox.to_answers = verdict();
    moment += random() % 2000;
    (void)wire->deliver(inbox);
    ASSERT_NO_FATAL_FAILURE(check(requests, inbox.arrivals));
    ASSERT_NO_FATAL_FAILURE(check(answers, inbox.answers));
    const auto on_link = std::min(requests.empty() ? sent + 1 : requests.front(),
                                  answers.empty() ? sent + 1 : answers.front());
    ASSERT_EQ(wire->passage().settled, on_link - 1);
  }
  inbox.to_requests = inbox.to_answers = Placed::yes;
  deliver_at(moment + 1'000'000);
  ASSERT_NO_FATAL_FAILURE(check(requests, inbox.arrivals));
  ASSERT_NO_FATAL_FAILURE(check(answers, inbox.answers));
  EXPECT_TRUE(requests.empty() && answers.empty());
  EXPECT_EQ(send_all(448), 28U);  // all credit is back
  EXPECT_EQ(send_all(192), 8U);
  EXPECT_EQ(send_all(16'384, Operation::answer), 2U);
}

TEST_F(LinkAnswersTest, LosesAnswersLikeRequests) {
  open({.loss = 1});
  EXPECT_EQ(send_all(8, Operation::answer), 4096U);
  deliver_at(moment);
  EXPECT_TRUE(inbox.answers.empty());
  EXPECT_EQ(wire->report().lost, 4096U);
  EXPECT_EQ(wire->passage().settled, 4096U);
  EXPECT_EQ(send(8, Operation::answer), Placed::yes);
}

TEST_F(LinkAnswersTest, AnAnswerThatHasPassedARequestIsSettledWithIt) {
  open({});
  inbox.to_requests = Placed::would_block;
  ASSERT_EQ(send(8, Operation::answer), Placed::yes);
  ASSERT_EQ(send(8), Placed::yes);
  ASSERT_EQ(send(8, Operation::answer), Placed::yes);
  ASSERT_EQ(send(8, Operation::answer), Placed::yes);
  deliver_at(moment);
  ASSERT_EQ(inbox.answers.size(), 3U);
  EXPECT_EQ(wire->passage().taken, 4U);
  EXPECT_EQ(wire->passage().settled, 1U);
  EXPECT_EQ(wire->report().in_flight, 1U);
  inbox.to_requests = Placed::yes;
  deliver_at(moment);
  EXPECT_EQ(wire->passage().settled, 4U);
}

// A node of two, joined by a link each way. Takes a request only when it can answer it.
struct Node final : Arrivals {
  static constexpr std::uint32_t kAnswer = 1;  // as a type

  Placed place(const Packet& packet) noexcept override {
    if (packet.type_id == kAnswer) {
      ++answered;
      return Placed::yes;
    }
    Packet answer;
    answer.operation = answers_as;
    answer.type_id = kAnswer;
    return out->transmit(answer, *this);  // what is transmitted arrives at the other one
  }

  void send_up_to(std::uint64_t most) {
    while (sent < most && out->transmit(Packet{}, *this) == Placed::yes) ++sent;
  }

  std::unique_ptr<LinkWire> out;
  Operation answers_as = Operation::answer;
  std::uint64_t sent = 0;
  std::uint64_t answered = 0;
};

// Two nodes send each other as many requests as their links take. The requests answered in the end.
std::uint64_t answered_by_each_other(std::uint64_t requests, Operation answers_as) {
  std::array<Node, 2> nodes;
  for (Node& node : nodes) {
    auto created = LinkWire::create(std::make_unique<LoopbackWire>(), {.packet_credit = 64},
                                    {.now = turned_clock, .megahertz = 1000});
    if (!created) return 0;
    node.out = *std::move(created);
    node.answers_as = answers_as;
  }
  for (bool is_moving = true; is_moving;) {  // bounded: every round but the last places something
    for (Node& node : nodes) node.send_up_to(requests);
    is_moving = nodes[0].out->deliver(nodes[1]);
    is_moving |= nodes[1].out->deliver(nodes[0]);
  }
  return nodes[0].answered + nodes[1].answered;
}

TEST(LinkedNodesTest, FullOfEachOthersRequestsDoNotStopEachOther) {
  EXPECT_EQ(answered_by_each_other(1'000, Operation::answer), 2'000U);
}

TEST(LinkedNodesTest, WouldStopEachOtherIfAnswersWentAmongTheRequests) {
  EXPECT_EQ(answered_by_each_other(1'000, Operation::message), 0U);
}

// Keeps what it has taken until told that it has settled it.
struct KeepingWire final : Wire {
  Placed transmit(const Packet& packet, Arrivals& arrivals) noexcept override {
    const Placed placed = arrivals.place(packet);
    if (placed == Placed::yes) ++kept.taken;
    return placed;
  }
  bool deliver(Arrivals& /*arrivals*/) noexcept override { return false; }
  [[nodiscard]] std::size_t max_payload() const noexcept override { return 1000; }
  [[nodiscard]] Passage passage() const noexcept override { return kept; }

  Passage kept;
};

class KeepingInsideTest : public LinkWireTest {
 protected:
  void SetUp() override {
    LinkWireTest::SetUp();
    auto keeping = std::make_unique<KeepingWire>();
    inside = keeping.get();
    auto created =
        LinkWire::create(std::move(keeping), {}, {.now = turned_clock, .megahertz = 1000});
    ASSERT_TRUE(created);
    wire = *std::move(created);
  }
  std::uint64_t settled_after(std::uint64_t settled_inside) {
    inside->kept.settled = settled_inside;
    deliver_at(moment);
    return wire->passage().settled;
  }

  KeepingWire* inside = nullptr;
};

TEST_F(KeepingInsideTest, CarriesNoMoreThanTheWireInside) {
  EXPECT_EQ(wire->max_payload(), 1000U);
  EXPECT_EQ(send(1001), Placed::too_large);
  EXPECT_EQ(send(1001, Operation::answer), Placed::too_large);
}

TEST_F(KeepingInsideTest, CountsWhatTheWireInsideKeepsAsNotSettled) {
  for (int packet = 0; packet < 5; ++packet) ASSERT_EQ(send(8), Placed::yes);
  EXPECT_EQ(settled_after(0), 0U);
  EXPECT_EQ(inside->kept.taken, 5U);
  EXPECT_EQ(settled_after(4), 0U);
  EXPECT_EQ(settled_after(5), 5U);
}

TEST_F(KeepingInsideTest, SettlesWhatCameFirstWhileMoreFollows) {
  ASSERT_EQ(send(8), Placed::yes);
  EXPECT_EQ(settled_after(0), 0U);
  ASSERT_EQ(send(8), Placed::yes);
  EXPECT_EQ(settled_after(1), 1U);
  ASSERT_EQ(send(8), Placed::yes);
  EXPECT_EQ(settled_after(2), 2U);
  EXPECT_EQ(wire->passage().taken, 3U);
}

TEST_F(KeepingInsideTest, SettlesNoRequestThatAnswersHavePassedBeforeItsTime) {
  inbox.to_requests = Placed::would_block;
  ASSERT_EQ(send(8), Placed::yes);
  for (int packet = 0; packet < 4; ++packet) ASSERT_EQ(send(8, Operation::answer), Placed::yes);
  EXPECT_EQ(settled_after(4), 0U);
  inbox.to_requests = Placed::yes;
  EXPECT_EQ(settled_after(4), 0U);  // the request is inside now, the last there
  EXPECT_EQ(settled_after(5), 5U);
}

}  // namespace
}  // namespace smtni::ni
