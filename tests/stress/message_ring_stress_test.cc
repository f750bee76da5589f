// One producer and one consumer on a ring, with random sizes, capacities and delays. Every byte and
// the order are checked. What this can show: broken edges, under TSan; broken arithmetic of laps,
// skips and stale payload, anywhere. What it cannot: a missing release on x86 without TSan; a
// missing fence after streaming stores, which no run without it has shown.
#include <gtest/gtest.h>
#include <sched.h>

#include <algorithm>
#include <random>
#include <thread>
#include <vector>

#include "core/message_ring.h"
#include "core/packed_stream.h"

namespace smtni {
namespace {

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr std::uint64_t kMessages = 20'000;
constexpr std::uint64_t kBytes = 8'000'000;  // at most as many, each written and checked alone
#else
constexpr std::uint64_t kMessages = 200'000;
constexpr std::uint64_t kBytes = 100'000'000;
#endif

// A few pauses, rarely a yield: enough to move the two ends against each other.
void dawdle(std::mt19937& random) {
  const unsigned turns = random() % 64;
  if (turns == 0) {
    ::sched_yield();
  } else if (turns < 16) {
    for (unsigned turn = 0; turn < turns; ++turn) cpu_pause();
  }
}

std::byte expected_byte(std::uint64_t message, std::size_t at) {
  return static_cast<std::byte>((message * 31 + at * 7) & 0xFF);
}

struct Case {
  std::uint64_t lines;
  std::size_t largest;
  Stores stores = Stores::cached;
};

class MessageRingStress : public testing::TestWithParam<Case> {};

TEST_P(MessageRingStress, KeepsEveryByteAndTheOrder) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  MessageRing ring = *MessageRing::create(Bytes(GetParam().lines * std::uint64_t{kCacheLine}),
                                          {.stores = GetParam().stores});
  const std::size_t largest = std::min(GetParam().largest, ring.max_payload());
  const std::uint64_t messages = std::min(kMessages, 2 * kBytes / (largest + 1));

  std::thread sender([&] {
    std::mt19937 random(seed);
    for (std::uint64_t sent = 0; sent < messages; ++sent) {
      const std::size_t size = random() % (largest + 1);
      const std::size_t reserved = size + random() % (largest - size + 1);
      std::optional<std::span<std::byte>> room;
      while (!(room = ring.producer().reserve(reserved))) ::sched_yield();
      for (std::size_t at = 0; at < size; ++at) (*room)[at] = expected_byte(sent, at);
      ring.producer().commit(size, {.user_data = sent});
      dawdle(random);
    }
  });

  std::mt19937 random(seed + 1);
  std::uint64_t wrong = 0;
  for (std::uint64_t received = 0; received < messages;) {
    const auto message = ring.consumer().take();
    if (!message) {
      ring.consumer().release();  // what is held back here is what the sender may wait for
      ::sched_yield();
      continue;
    }
    wrong += message->info.user_data != received;
    for (std::size_t at = 0; at < message->payload.size(); ++at) {
      wrong += message->payload[at] != expected_byte(received, at);
    }
    ++received;
    if (random() % 4 != 0 || received == messages) ring.consumer().release();
    dawdle(random);
  }
  sender.join();
  EXPECT_EQ(wrong, 0U);
  EXPECT_FALSE(ring.consumer().take());
}

// The same, pushed: the ring's own copy, by the stores chosen.
TEST_P(MessageRingStress, PushesEveryByteAndKeepsTheOrder) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  MessageRing ring = *MessageRing::create(Bytes(GetParam().lines * std::uint64_t{kCacheLine}),
                                          {.stores = GetParam().stores});
  const std::size_t largest = std::min(GetParam().largest, ring.max_payload());
  const std::uint64_t messages = std::min(kMessages, 2 * kBytes / (largest + 1));

  std::thread sender([&] {
    std::mt19937 random(seed);
    std::vector<std::byte> payload(largest);
    for (std::uint64_t sent = 0; sent < messages; ++sent) {
      const std::size_t size = random() % (largest + 1);
      for (std::size_t at = 0; at < size; ++at) payload[at] = expected_byte(sent, at);
      while (!ring.producer().push(std::span(payload).first(size), {.user_data = sent})) {
        ::sched_yield();
      }
      dawdle(random);
    }
  });

  std::mt19937 random(seed + 1);
  std::uint64_t wrong = 0;
  for (std::uint64_t received = 0; received < messages;) {
    const auto message = ring.consumer().take();
    if (!message) {
      ::sched_yield();
      continue;
    }
    wrong += message->info.user_data != received;
    for (std::size_t at = 0; at < message->payload.size(); ++at) {
      wrong += message->payload[at] != expected_byte(received, at);
    }
    ++received;
    ring.consumer().release();
    dawdle(random);
  }
  sender.join();
  EXPECT_EQ(wrong, 0U);
}

INSTANTIATE_TEST_SUITE_P(Shapes, MessageRingStress,
                         testing::Values(Case{4, 64}, Case{8, 150}, Case{64, 32}, Case{64, 1900},
                                         Case{1024, 20'000}, Case{64, 1900, Stores::streaming},
                                         Case{1024, 20'000, Stores::streaming},
                                         Case{64, 1900, Stores::demoted}),
                         [](const auto& shape) {
                           return std::to_string(shape.param.lines) + "lines" +
                                  std::to_string(shape.param.largest) + "bytes_" +
                                  std::string(name_of(shape.param.stores));
                         });

TEST(MessageRingStress, AnswersEveryCallOnce) {
  MessageRing ring = *MessageRing::create(Bytes(256));
  std::thread server([&] {
    for (std::uint64_t served = 0; served < kMessages;) {
      const auto request = ring.consumer().take();
      if (!request) {
        ::sched_yield();
        continue;
      }
      std::uint64_t value = 0;
      std::memcpy(&value, request->payload.data(), sizeof value);
      value += 1;
      if (request->is_call) {
        ring.consumer().reply(std::as_bytes(std::span<const std::uint64_t, 1>(&value, 1)));
      } else {
        ring.consumer().release();
      }
      ++served;
    }
  });
  std::uint64_t wrong = 0;
  for (std::uint64_t round = 0; round < kMessages; ++round) {
    const auto request = std::as_bytes(std::span<const std::uint64_t, 1>(&round, 1));
    if (round % 3 == 0) {  // messages and calls take turns in the same positions
      while (!ring.producer().push(request)) ::sched_yield();
      continue;
    }
    while (!ring.producer().begin_call(request)) ::sched_yield();
    std::optional<Message> reply;
    while (!(reply = ring.producer().poll_reply())) ::sched_yield();
    std::uint64_t value = 0;
    std::memcpy(&value, reply->payload.data(), sizeof value);
    wrong += value != round + 1;
  }
  server.join();
  EXPECT_EQ(wrong, 0U);
}

TEST(MessageRingStress, PacksValuesWithoutLoss) {
  constexpr std::uint64_t kValues = kMessages * 10;
  MessageRing ring = *MessageRing::create(Bytes(64 * std::uint64_t{kCacheLine}));
  std::thread sender([&] {
    PackedWriter<std::uint64_t> writer(ring.producer(), 1);
    for (std::uint64_t value = 0; value < kValues; ++value) {
      while (!writer.push(value)) ::sched_yield();
    }
  });
  PackedReader<std::uint64_t> reader(ring.consumer());
  std::uint64_t wrong = 0;
  for (std::uint64_t received = 0; received < kValues;) {
    std::uint64_t value = 0;
    if (!reader.pop(value)) {
      ::sched_yield();
      continue;
    }
    wrong += value != received++;
  }
  sender.join();
  EXPECT_EQ(wrong, 0U);
}

}  // namespace
}  // namespace smtni
