// Two senders through one interface whose link has a rate, jitter and little credit, to a receiver
// whose message cache is small: credit runs out, the target fills up, and both come back. What this
// can show: lost, doubled, torn or reordered messages, credit that leaks, with all edges under
// TSan. What it cannot: whether rate and latency are kept; the unit test has that, by a clock of
// its own.
#include <gtest/gtest.h>

#include <array>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "ni/interface.h"

namespace smtni::ni {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 30s;
constexpr std::uint64_t kSeed = 7103;
constexpr std::uint32_t kSenders = 2;
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr std::uint64_t kMessages = 1'000;  // of each sender
#else
constexpr std::uint64_t kMessages = 10'000;
#endif

std::byte byte_of(std::uint32_t sender, std::uint64_t number, std::size_t at) {
  return static_cast<std::byte>(sender * 101 + number * 31 + at * 7);
}

void send_all(Endpoint& from, Address to, std::uint32_t sender) {
  std::mt19937 random(kSeed + sender);
  for (std::uint64_t number = 0; number < kMessages; ++number) {
    std::vector<std::byte> payload(random() % (random() % 4 == 0 ? 2000 : 65));
    for (std::size_t at = 0; at < payload.size(); ++at) payload[at] = byte_of(sender, number, at);
    const Deadline until = in(kPatience);
    while (!from.send(to, payload, {.type_id = sender, .user_data = number})) {
      ASSERT_FALSE(has_passed(until)) << "sender " << sender << " at " << number;
      std::this_thread::yield();
    }
  }
}

TEST(LinkStressTest, CarriesEverySendersMessagesWholeAndInOrder) {
  SCOPED_TRACE("seed " + std::to_string(kSeed));
  auto interface = Interface::start({.link = LinkOptions{.gigabits_per_second = 32,
                                                         .latency = Nanoseconds(2'000),
                                                         .jitter = Nanoseconds(3'000),
                                                         .credit = 16 * kKiB,
                                                         .packet_credit = 32,
                                                         .seed = kSeed}});
  ASSERT_TRUE(interface) << interface.error().what;
  auto inbox = interface->open_endpoint({.message_cache = 8 * kKiB});
  ASSERT_TRUE(inbox) << inbox.error().what;
  std::vector<std::jthread> senders;
  for (std::uint32_t sender = 0; sender < kSenders; ++sender) {
    senders.emplace_back([&, sender] {
      auto outbox = interface->open_endpoint();
      ASSERT_TRUE(outbox) << outbox.error().what;
      send_all(*outbox, inbox->address(), sender);
      const auto closed = outbox->close(in(kPatience));
      EXPECT_TRUE(closed) << closed.error().what;
    });
  }

  std::array<std::uint64_t, kSenders> next{};
  for (std::uint64_t total = 0; total < kSenders * kMessages; ++total) {
    const Received message = inbox->receive(in(kPatience));
    ASSERT_TRUE(message) << "after " << total;
    const std::uint32_t sender = message->info.type_id;
    ASSERT_LT(sender, kSenders);
    ASSERT_EQ(message->info.user_data, next[sender]++);
    for (std::size_t at = 0; at < message->payload.size(); ++at) {
      ASSERT_EQ(message->payload[at], byte_of(sender, message->info.user_data, at));
    }
  }
  senders.clear();
  const auto report = interface->link_report();
  ASSERT_TRUE(report);
  EXPECT_EQ(report->packets, kSenders * kMessages);
  EXPECT_EQ(report->in_flight, 0U);
  EXPECT_EQ(report->lost + report->undeliverable, 0U);
}

}  // namespace
}  // namespace smtni::ni
