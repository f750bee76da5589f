// Real messages through real mechanisms. That stamps come in the order of the journey, and from the
// right CPU, is shown; how long a stage takes is not judged.
#include "experiments/trace_collector.h"

#include <gtest/gtest.h>

#include <string>

#include "core/topology.h"

namespace smtni::experiments {
namespace {

TraceConditions few_messages(std::string mechanism) {
  TraceConditions conditions{
      .mechanism = std::move(mechanism), .payload_bytes = 100, .messages = 20, .warm_up = 3};
  conditions.cpus = place("nearest", *Topology::read()).value();
  return conditions;
}

void expect_in_order(const TscInstant& a, const TscInstant& b) {
  EXPECT_LE(a.reading(), b.reading());
}

// Stamps of one thread, whose clock does not go backwards.
void expect_whole(const std::vector<Journey>& journeys, std::size_t count) {
  ASSERT_EQ(journeys.size(), count);
  for (const Journey& one : journeys) {
    for (const Stamp& stamp : {one.sender.composing, one.sender.sending, one.sender.sent,
                               one.ni.fetched, one.ni.arrived, one.ni.prepared, one.ni.notifying,
                               one.ni.notified, one.receiver.began, one.receiver.ended}) {
      EXPECT_TRUE(stamp.is_taken());
    }
    expect_in_order(one.sender.composing.at, one.sender.sending.at);
    expect_in_order(one.sender.sending.at, one.sender.sent.at);
    expect_in_order(one.ni.fetched.at, one.ni.arrived.at);
    expect_in_order(one.ni.arrived.at, one.ni.prepared.at);
    expect_in_order(one.ni.prepared.at, one.ni.notifying.at);
    expect_in_order(one.ni.notifying.at, one.ni.notified.at);
    expect_in_order(one.receiver.began.at, one.receiver.ended.at);
  }
}

class Traced : public testing::TestWithParam<const char*> {};

TEST_P(Traced, StampsEveryStageInOrder) {
  const auto journeys = collect_journeys(few_messages(GetParam()));
  if (!journeys && journeys.error().kind == Error::Kind::unsupported) {
    GTEST_SKIP() << journeys.error().what;
  }
  ASSERT_TRUE(journeys) << journeys.error().what;
  expect_whole(*journeys, 20);
}

INSTANTIATE_TEST_SUITE_P(Mechanisms, Traced,
                         testing::Values("lock-table/spin", "lock-table/park", "kernel/futex",
                                         "async-branch/safepoint", "signal/running",
                                         "spawn/idle-context", "spawn/os-thread"));

TEST(TraceCollector, StampsOnTheCpuOfEachRole) {
  const TraceConditions conditions = few_messages("lock-table/spin");
  const auto journeys = collect_journeys(conditions);
  ASSERT_TRUE(journeys) << journeys.error().what;
  for (const Journey& one : *journeys) {
    EXPECT_EQ(one.sender.composing.cpu, conditions.cpus.sender);
    EXPECT_EQ(one.receiver.began.cpu, conditions.cpus.receiver);
  }
}

TEST(TraceCollector, StampsTheReturnOfWhatWasInterrupted) {
  for (const char* mechanism : {"signal/running", "async-branch/safepoint", "lock-table/spin"}) {
    const auto journeys = collect_journeys(few_messages(mechanism));
    ASSERT_TRUE(journeys) << journeys.error().what;
    for (const Journey& one : *journeys) {
      ASSERT_TRUE(one.receiver.returned.is_taken()) << mechanism;
      expect_in_order(one.receiver.ended.at, one.receiver.returned.at);
    }
  }
}

// A dedicated NI may have to share the sender's CPU here: slow, and right all the same.
TEST(TraceCollector, FollowsAMessageThroughADedicatedNi) {
  TraceConditions conditions = few_messages("kernel/futex");
  conditions.drive = ni::Drive::dedicated;
  const auto journeys = collect_journeys(conditions);
  ASSERT_TRUE(journeys) << journeys.error().what;
  expect_whole(*journeys, 20);
  EXPECT_EQ(journeys->front().ni.fetched.cpu, conditions.cpus.ni);
}

TEST(TraceCollector, WorksOnOneCpu) {
  for (const char* mechanism : {"lock-table/spin", "signal/running", "spawn/idle-context"}) {
    TraceConditions conditions = few_messages(mechanism);
    conditions.cpus = place("same-cpu", *Topology::read()).value();
    const auto journeys = collect_journeys(conditions);
    ASSERT_TRUE(journeys) << journeys.error().what;
    expect_whole(*journeys, 20);
  }
}

TEST(TraceCollector, CarriesPayloadsOfAnySize) {
  for (const std::uint64_t bytes : {std::uint64_t{0}, std::uint64_t{1} << 20U}) {
    TraceConditions conditions = few_messages("lock-table/spin");
    conditions.payload_bytes = bytes;
    conditions.messages = 3;
    const auto journeys = collect_journeys(conditions);
    ASSERT_TRUE(journeys) << journeys.error().what;
    EXPECT_EQ(journeys->size(), 3U);
  }
}

TEST(TraceCollector, RefusesAnUnknownMechanism) {
  const auto journeys = collect_journeys(few_messages("nonsense"));
  ASSERT_FALSE(journeys);
  EXPECT_EQ(journeys.error().kind, Error::Kind::invalid);
}

}  // namespace
}  // namespace smtni::experiments
