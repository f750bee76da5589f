// What the message ring promises to one thread that holds both ends. Concurrency is in
// tests/stress/message_ring_stress_test.cc.
#include "core/message_ring.h"

#include <gtest/gtest.h>

#include <deque>
#include <random>
#include <string>
#include <vector>

#include "core/packed_stream.h"

namespace smtni {
namespace {

std::vector<std::byte> bytes_of(std::size_t size, std::uint8_t first) {
  std::vector<std::byte> bytes(size);
  for (std::size_t at = 0; at < size; ++at) {
    bytes[at] = static_cast<std::byte>(static_cast<std::uint8_t>(first + at));
  }
  return bytes;
}

std::vector<std::byte> copy_of(const Message& message) {
  return {message.payload.begin(), message.payload.end()};
}

MessageRing ring_of(std::uint64_t lines) {
  return *MessageRing::create(Bytes(lines * std::uint64_t{kCacheLine}));
}

// A length is 31 bits; the longest payload stays within them however large the ring is.
static_assert(RingMemory::max_payload_of(4) == 64);
static_assert(RingMemory::max_payload_of(1ULL << 26) == 0x7FFF'FFC0);
static_assert(RingMemory::max_payload_of(1ULL << 30) == 0x7FFF'FFFF);

TEST(MessageRing, RefusesCapacitiesThatMakeNoSense) {
  for (const std::uint64_t bytes : {std::uint64_t{0}, std::uint64_t{64}, ~std::uint64_t{0}}) {
    const auto ring = MessageRing::create(Bytes(bytes));
    ASSERT_FALSE(ring);
    EXPECT_EQ(ring.error().kind, Error::Kind::invalid);
    EXPECT_NE(ring.error().what.find("accepted: 256 to"), std::string::npos) << ring.error().what;
  }
}

TEST(MessageRing, RoundsItsCapacityUpToAPowerOfTwo) {
  EXPECT_EQ(MessageRing::create(Bytes(1000))->capacity(), Bytes(1024));
}

TEST(MessageRing, GivesBackWhatWasPushed) {
  MessageRing ring = ring_of(8);
  const auto payload = bytes_of(20, 3);
  const MessageInfo info{.type_id = 7, .user_data = 1ULL << 63, .peer = 9, .attributes = 11};
  ASSERT_TRUE(ring.producer().push(payload, info));

  EXPECT_TRUE(ring.consumer().has_news());
  const auto message = ring.consumer().take();
  ASSERT_TRUE(message);
  EXPECT_EQ(copy_of(*message), payload);
  EXPECT_EQ(message->info.type_id, 7U);
  EXPECT_EQ(message->info.user_data, 1ULL << 63);
  EXPECT_EQ(message->info.peer, 9U);
  EXPECT_EQ(message->info.attributes, 11U);
  ring.consumer().release();
  EXPECT_FALSE(ring.consumer().has_news());
  EXPECT_FALSE(ring.consumer().take());
}

TEST(MessageRing, SpendsOneLineOnASmallMessage) {
  MessageRing ring = ring_of(8);
  for (int count = 0; count < 8; ++count) {
    EXPECT_TRUE(ring.producer().push(bytes_of(kInlineBytes, 0))) << count;
  }
  EXPECT_FALSE(ring.producer().push(bytes_of(0, 0)));
}

TEST(MessageRing, AlignsALongPayloadToALine) {
  MessageRing ring = ring_of(16);
  ASSERT_TRUE(ring.producer().push(bytes_of(100, 0)));
  const auto message = ring.consumer().take();
  ASSERT_TRUE(message);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(message->payload.data()) % kCacheLine, 0U);
}

TEST(MessageRing, TakesEveryLengthUpToItsLargest) {
  MessageRing ring = ring_of(16);
  ASSERT_EQ(ring.max_payload(), 448U);
  for (std::size_t size = 0; size <= ring.max_payload(); ++size) {
    ASSERT_TRUE(ring.producer().push(bytes_of(size, 1))) << size;
    const auto message = ring.consumer().take();
    ASSERT_TRUE(message) << size;
    ASSERT_EQ(copy_of(*message), bytes_of(size, 1));
    ring.consumer().release();
    ASSERT_FALSE(ring.consumer().take());
  }
}

TEST(MessageRing, FreesRoomOnlyWhenAMessageIsReleased) {
  MessageRing ring = ring_of(4);
  for (int count = 0; count < 4; ++count) ASSERT_TRUE(ring.producer().push({}));
  ASSERT_TRUE(ring.consumer().take());
  EXPECT_FALSE(ring.producer().push({}));
  ring.consumer().release();
  EXPECT_TRUE(ring.producer().push({}));
}

TEST(MessageRing, NeverTakesStalePayloadForAMessage) {
  // Payload that spells, in every line, the stamp of a message there: now, or one lap later.
  constexpr std::uint64_t kLines = 16;
  MessageRing ring = ring_of(kLines);
  const std::uint64_t taken = RingMemory::lines_of(ring.max_payload());
  for (std::uint32_t lap = 0; lap < 200; ++lap) {
    const auto room = ring.producer().reserve(ring.max_payload());
    ASSERT_TRUE(room);
    const std::uint64_t to_end = kLines - ring.producer().position() % kLines;
    const std::uint64_t start = ring.producer().position() + (to_end < taken ? to_end : 0);
    for (std::size_t at = 0; at + 8 <= room->size(); at += kCacheLine) {
      const std::uint64_t position = start + 1 + at / kCacheLine;
      const std::uint64_t forged = position + 1 + (lap % 2) * kLines;
      std::memcpy(room->data() + at, &forged, sizeof forged);
    }
    const std::size_t used = std::size_t{lap} * 37 % ring.max_payload();
    ring.producer().commit(used, {.type_id = lap});
    const auto message = ring.consumer().take();
    ASSERT_TRUE(message);
    ASSERT_EQ(message->position, start);
    ASSERT_EQ(message->info.type_id, lap);
    ASSERT_EQ(message->payload.size(), used);
    ring.consumer().release();
    ASSERT_FALSE(ring.consumer().take()) << "phantom in lap " << lap;
  }
}

TEST(MessageRing, ShowsNothingOfAReservationBeforeItsCommit) {
  MessageRing ring = ring_of(8);
  ASSERT_TRUE(ring.producer().push(bytes_of(100, 0)));
  ASSERT_TRUE(ring.consumer().take());
  ring.consumer().release();
  ASSERT_TRUE(ring.producer().push(bytes_of(100, 0)));  // six of eight lines are behind us now
  ASSERT_TRUE(ring.consumer().take());
  ring.consumer().release();
  ASSERT_FALSE(ring.consumer().take());

  const auto room = ring.producer().reserve(150);  // wraps
  ASSERT_TRUE(room);
  std::memset(room->data(), 0xFF, room->size());
  EXPECT_FALSE(ring.consumer().take());
  ring.producer().rollback();
  EXPECT_FALSE(ring.consumer().take());

  ASSERT_TRUE(ring.producer().push(bytes_of(5, 5)));
  const auto message = ring.consumer().take();
  ASSERT_TRUE(message);
  EXPECT_EQ(copy_of(*message), bytes_of(5, 5));
}

TEST(MessageRing, CommitsFewerBytesThanWereReserved) {
  MessageRing ring = ring_of(64);
  for (const std::size_t used :
       {std::size_t{0}, std::size_t{32}, std::size_t{33}, std::size_t{600}}) {
    const auto room = ring.producer().reserve(600);
    ASSERT_TRUE(room);
    const auto payload = bytes_of(600, 9);
    std::memcpy(room->data(), payload.data(), payload.size());
    ring.producer().commit(used);
    const auto message = ring.consumer().take();
    ASSERT_TRUE(message);
    EXPECT_EQ(copy_of(*message), bytes_of(used, 9));
    ring.consumer().release();
    EXPECT_FALSE(ring.consumer().take());
  }
}

TEST(MessageRing, ShowsABatchWholeOrNotAtAll) {
  MessageRing ring = ring_of(16);
  {
    RingProducer::Batch batch(ring.producer());
    for (std::uint32_t id = 0; id < 5; ++id) {
      ASSERT_TRUE(ring.producer().push(bytes_of(id * 20, 0), {.type_id = id}));
      EXPECT_FALSE(ring.consumer().take());
    }
  }
  std::vector<Message> taken(8);
  ASSERT_EQ(ring.consumer().take_batch(taken), 5U);
  for (std::uint32_t id = 0; id < 5; ++id) EXPECT_EQ(taken[id].info.type_id, id);
}

TEST(MessageRing, ReleasesUpToAMessageInTheMiddle) {
  MessageRing ring = ring_of(4);
  for (int count = 0; count < 4; ++count) ASSERT_TRUE(ring.producer().push({}));
  std::vector<Message> taken(4);
  ASSERT_EQ(ring.consumer().take_batch(taken), 4U);
  ring.consumer().release_through(taken[1]);
  EXPECT_TRUE(ring.producer().push({}));
  EXPECT_TRUE(ring.producer().push({}));
  EXPECT_FALSE(ring.producer().push({}));
}

// 8 lines and messages of 1 or 3: some skip to the start, and some find no room, which changes
// nothing.
TEST(MessageRing, SaysWhereTheNextMessageWillLie) {
  MessageRing ring = ring_of(8);
  for (int count = 0; count < 100; ++count) {
    const auto payload = bytes_of(count % 3 == 0 ? 128 : 8, 1);
    const std::uint64_t position = ring.producer().position_of_next(payload.size());
    if (!ring.producer().push(payload)) {
      while (ring.consumer().take()) ring.consumer().release();
      EXPECT_EQ(ring.producer().position_of_next(payload.size()), position);
      ASSERT_TRUE(ring.producer().push(payload));
    }
    const auto message = ring.consumer().take();
    ASSERT_TRUE(message);
    EXPECT_EQ(message->position, position);
    if (count % 2 == 0) ring.consumer().release();
  }
}

TEST(MessageRing, AnswersACallInItsOwnLine) {
  MessageRing ring = ring_of(4);
  for (std::uint8_t round = 0; round < 100; ++round) {
    ASSERT_TRUE(ring.producer().begin_call(bytes_of(8, round), {.type_id = round}));
    EXPECT_FALSE(ring.producer().poll_reply());
    EXPECT_FALSE(ring.producer().push({})) << "a push would overtake the answer";

    const auto request = ring.consumer().take();
    ASSERT_TRUE(request);
    EXPECT_TRUE(request->is_call);
    EXPECT_EQ(copy_of(*request), bytes_of(8, round));
    ring.consumer().reply(bytes_of(32, round), {.user_data = round});
    EXPECT_FALSE(ring.consumer().has_news());

    const auto reply = ring.producer().poll_reply();
    ASSERT_TRUE(reply);
    EXPECT_EQ(copy_of(*reply), bytes_of(32, round));
    EXPECT_EQ(reply->info.user_data, round);
    EXPECT_EQ(reply->position, 0U) << "a call and its answer do not move the ring on";
  }
  ASSERT_TRUE(ring.producer().push(bytes_of(3, 3)));
  ASSERT_TRUE(ring.consumer().take());
}

TEST(MessageRing, AnswersForAReceiverThatDoesNot) {
  MessageRing ring = ring_of(4);
  ASSERT_TRUE(ring.producer().push({}));
  ASSERT_TRUE(ring.producer().begin_call(bytes_of(8, 0)));
  ASSERT_TRUE(ring.consumer().take());
  ASSERT_TRUE(ring.consumer().take());
  ring.consumer().release();
  const auto reply = ring.producer().poll_reply();
  ASSERT_TRUE(reply);
  EXPECT_TRUE(reply->payload.empty());
}

TEST(MessageRing, PassesValuesOfAType) {
  struct Order {
    std::uint64_t price;
    std::uint32_t quantity;
    char side;
  };
  MessageRing ring = ring_of(8);
  ASSERT_TRUE(ring.producer().push_value(Order{17, 3, 'b'}));
  Order order{};
  ASSERT_TRUE(ring.consumer().pop_value(order));
  EXPECT_EQ(order.price, 17U);
  EXPECT_EQ(order.side, 'b');
  EXPECT_FALSE(ring.consumer().pop_value(order));
}

TEST(MessageRing, NeverJamsWhateverItsCapacityAndTheSize) {
  for (const std::uint64_t lines : {4U, 8U, 16U, 64U}) {
    MessageRing ring = ring_of(lines);
    for (std::size_t size = 0; size <= ring.max_payload(); size += 13) {
      for (int round = 0; round < 50; ++round) {
        ASSERT_TRUE(ring.producer().push(bytes_of(size, 0))) << lines << " lines, " << size;
        ASSERT_TRUE(ring.consumer().take());
        ring.consumer().release();
        ASSERT_FALSE(ring.consumer().take());  // found empty: the room goes back
      }
    }
  }
}

// Random operations against a queue that is obviously right.
TEST(MessageRing, AgreesWithAPlainQueue) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (const std::uint64_t lines : {4U, 8U, 32U, 128U}) {
    MessageRing ring = ring_of(lines);
    std::deque<std::vector<std::byte>> expected;
    for (int step = 0; step < 20'000; ++step) {
      const std::size_t size = random() % (ring.max_payload() + 1);
      const auto payload = bytes_of(size, static_cast<std::uint8_t>(random()));
      switch (random() % 4) {
        case 0:
          if (ring.producer().push(payload)) expected.push_back(payload);
          break;
        case 1: {
          const auto room = ring.producer().reserve(size);
          if (!room) break;
          if (size != 0) std::memcpy(room->data(), payload.data(), size);
          if (random() % 3 == 0) {
            ring.producer().rollback();
          } else {
            const std::size_t used = random() % (size + 1);
            ring.producer().commit(used);
            expected.emplace_back(payload.begin(), payload.begin() + static_cast<long>(used));
          }
          break;
        }
        default: {
          const auto message = ring.consumer().take();
          ASSERT_EQ(message.has_value(), !expected.empty());
          if (!message) break;
          ASSERT_EQ(copy_of(*message), expected.front());
          expected.pop_front();
          if (random() % 2 == 0) ring.consumer().release();
        }
      }
    }
  }
}

TEST(PackedStream, PublishesAtOnceWhileTheReceiverWaits) {
  MessageRing ring = ring_of(256);
  PackedWriter<std::uint64_t> writer(ring.producer(), 1);
  PackedReader<std::uint64_t> reader(ring.consumer());
  std::uint64_t value = 0;
  for (std::uint64_t sent = 0; sent < 1000; ++sent) {
    ASSERT_TRUE(writer.push(sent));
    ASSERT_TRUE(reader.pop(value));
    ASSERT_EQ(value, sent);
    ASSERT_FALSE(reader.pop(value));
  }
}

TEST(PackedStream, PacksUnderABacklogAndLosesNothing) {
  MessageRing ring = ring_of(256);
  std::uint64_t sent = 0;
  {
    PackedWriter<std::uint64_t> writer(ring.producer(), 1);
    while (writer.push(sent)) ++sent;
  }
  EXPECT_GT(sent, 1000U) << "more values than lines: they were packed";
  PackedReader<std::uint64_t> reader(ring.consumer());
  std::vector<std::uint64_t> values(sent + 1);
  ASSERT_EQ(reader.pop(values), sent);
  for (std::uint64_t at = 0; at < sent; ++at) ASSERT_EQ(values[at], at);
}

TEST(PackedStream, WorksInARingSmallerThanOneOfItsMessages) {
  MessageRing ring = ring_of(4);
  PackedWriter<std::uint64_t> writer(ring.producer(), 1);
  PackedReader<std::uint64_t> reader(ring.consumer());
  std::vector<std::uint64_t> values(100, 5);
  const std::size_t sent = writer.push(values);
  EXPECT_GT(sent, 0U);
  EXPECT_EQ(reader.pop(values), sent);
}

}  // namespace
}  // namespace smtni
