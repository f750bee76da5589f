// What the spill promises to the NI, which holds both it and the sending end of a message cache.
#include "ni/internal/spill.h"

#include <gtest/gtest.h>

#include <deque>
#include <mutex>
#include <new>
#include <random>
#include <thread>
#include <vector>

#include "core/deadline.h"
#include "core/message_ring.h"
#include "core/spin_lock.h"

namespace {

bool memory_is_exhausted = false;

}  // namespace

// What the spill allocates with; fails where a test says so.
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  return memory_is_exhausted ? nullptr : ::operator new[](size);
}

namespace smtni::ni {
namespace {

constexpr std::chrono::seconds kPatience{30};

std::vector<std::byte> bytes_of(std::size_t size, std::uint64_t number) {
  std::vector<std::byte> bytes(size);
  for (std::size_t at = 0; at < size; ++at) {
    bytes[at] = static_cast<std::byte>((number * 31 + at * 7) & 0xFF);
  }
  return bytes;
}

MessageRing ring_of(std::uint64_t lines) {
  return *MessageRing::create(Bytes(lines * std::uint64_t{kCacheLine}));
}

// The order that spill.h prescribes.
bool arrive(Spill& spill, RingProducer& cache, std::span<const std::byte> payload,
            std::uint64_t number) {
  const MessageInfo info{.user_data = number};
  (void)spill.refill(cache);
  return (spill.size() == 0 && cache.push(payload, info)) || spill.append(payload, info);
}

// Takes the next message; 0 when there is none.
std::uint64_t take_number(MessageRing& ring) {
  const auto message = ring.consumer().take();
  if (!message) return 0;
  const std::uint64_t number = message->info.user_data;
  ring.consumer().release();
  ring.consumer().give_room();
  return number;
}

TEST(Spill, IsEmptyAtFirst) {
  MessageRing ring = ring_of(8);
  Spill spill(kMiB);
  EXPECT_EQ(spill.size(), 0U);
  EXPECT_FALSE(spill.has_spilled());
  EXPECT_FALSE(spill.refill(ring.producer()));
}

TEST(Spill, GivesBackWhatWasAppended) {
  MessageRing ring = ring_of(8);
  Spill spill(kMiB);
  const MessageInfo info{.type_id = 7, .user_data = 1ULL << 63, .peer = 9, .attributes = 11};
  ASSERT_TRUE(spill.append(bytes_of(100, 3), info));
  EXPECT_EQ(spill.size(), 1U);
  EXPECT_TRUE(spill.has_spilled());

  EXPECT_TRUE(spill.refill(ring.producer()));
  const auto message = ring.consumer().take();
  ASSERT_TRUE(message);
  EXPECT_EQ(std::vector(message->payload.begin(), message->payload.end()), bytes_of(100, 3));
  EXPECT_EQ(message->info.type_id, 7U);
  EXPECT_EQ(message->info.user_data, 1ULL << 63);
  EXPECT_EQ(message->info.peer, 9U);
  EXPECT_EQ(message->info.attributes, 11U);
  EXPECT_EQ(spill.size(), 0U);
  EXPECT_FALSE(spill.has_spilled());
}

TEST(Spill, KeepsTheOrderOfArrival) {
  MessageRing ring = ring_of(4);
  Spill spill(kMiB);
  for (std::uint64_t number = 1; number <= 10; ++number) {
    ASSERT_TRUE(arrive(spill, ring.producer(), bytes_of(20, number), number));
  }
  EXPECT_EQ(spill.size(), 6U);  // the cache holds four
  std::vector<std::uint64_t> order;
  while (const std::uint64_t number = take_number(ring)) {
    order.push_back(number);
    (void)spill.refill(ring.producer());
  }
  EXPECT_EQ(order, (std::vector<std::uint64_t>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}));
}

TEST(Spill, RefillsAsMuchAsThereIsRoomFor) {
  MessageRing ring = ring_of(4);
  Spill spill(kMiB);
  for (int count = 0; count < 6; ++count) ASSERT_TRUE(spill.append(bytes_of(8, 0), {}));
  EXPECT_TRUE(spill.refill(ring.producer()));
  EXPECT_EQ(spill.size(), 2U);
  EXPECT_FALSE(spill.refill(ring.producer()));
  EXPECT_TRUE(spill.has_spilled());
}

TEST(Spill, RefillsALargeCacheInSteps) {
  MessageRing ring = *MessageRing::create(kMiB);
  Spill spill(kMiB);
  for (int count = 0; count < 40; ++count) ASSERT_TRUE(spill.append(bytes_of(1000, 0), {}));
  EXPECT_TRUE(spill.refill(ring.producer()));
  EXPECT_EQ(spill.size(), 24U);  // 16 KiB have gone back
}

TEST(Spill, DeclinesWhatExceedsItsLimit) {
  Spill spill(Bytes(4096));
  ASSERT_TRUE(spill.append(bytes_of(3000, 1), {}));
  EXPECT_FALSE(spill.append(bytes_of(3000, 2), {}));
  EXPECT_EQ(spill.size(), 1U);
  EXPECT_TRUE(spill.append(bytes_of(500, 3), {}));
  EXPECT_LE(spill.counts().peak_bytes, 4096U);
}

TEST(Spill, KeepsNothingWithoutALimit) {
  Spill spill(Bytes(0));
  EXPECT_FALSE(spill.append({}, {}));
  EXPECT_FALSE(spill.has_spilled());
}

TEST(Spill, TakesAPayloadLargerThanAChunk) {
  MessageRing ring = *MessageRing::create(kMiB);
  Spill spill(kMiB);
  const auto large = bytes_of(3 * Spill::kChunk, 5);
  ASSERT_TRUE(spill.append(bytes_of(10, 1), {}));
  ASSERT_TRUE(spill.append(large, {}));
  ASSERT_TRUE(spill.append(bytes_of(10, 2), {}));
  while (spill.refill(ring.producer())) {
  }
  ASSERT_TRUE(ring.consumer().take());
  const auto message = ring.consumer().take();
  ASSERT_TRUE(message);
  EXPECT_EQ(std::vector(message->payload.begin(), message->payload.end()), large);
  EXPECT_EQ(ring.consumer().take()->payload.size(), 10U);
}

TEST(Spill, UsesItsMemoryAgain) {
  MessageRing ring = ring_of(64);
  Spill spill(kMiB);
  for (std::uint64_t round = 1; round <= 1000; ++round) {
    for (int count = 0; count < 3; ++count) ASSERT_TRUE(spill.append(bytes_of(500, 0), {}));
    while (spill.refill(ring.producer())) {
    }
    for (int count = 0; count < 3; ++count) (void)take_number(ring);
  }
  EXPECT_EQ(spill.size(), 0U);
  EXPECT_EQ(spill.counts().peak_bytes, 65'536U);
}

TEST(Spill, MakesUseOfItsLimitAfterASmallerMessage) {
  MessageRing ring = *MessageRing::create(kMiB);
  Spill spill(Bytes(100'000));
  ASSERT_TRUE(spill.append(bytes_of(10, 0), {}));
  ASSERT_TRUE(spill.refill(ring.producer()));  // and keeps a chunk for the next time
  EXPECT_TRUE(spill.append(bytes_of(99'000, 0), {}));
}

TEST(Spill, CountsWhatItDoes) {
  MessageRing ring = ring_of(4);
  Spill spill(kMiB);
  for (int count = 0; count < 6; ++count) ASSERT_TRUE(spill.append(bytes_of(10, 0), {}));
  (void)spill.refill(ring.producer());
  EXPECT_EQ(spill.counts().spilled, 6U);
  EXPECT_EQ(spill.counts().refilled, 4U);
  EXPECT_EQ(spill.counts().spilled_bytes, 60U);
}

TEST(Spill, DeclinesWhenThereIsNoMemory) {
  MessageRing ring = ring_of(8);
  Spill spill(kMiB);
  memory_is_exhausted = true;
  EXPECT_FALSE(spill.append(bytes_of(10, 0), {}));
  memory_is_exhausted = false;
  EXPECT_EQ(spill.size(), 0U);
  EXPECT_FALSE(spill.has_spilled());
  EXPECT_TRUE(spill.append(bytes_of(10, 0), {}));
  EXPECT_TRUE(spill.refill(ring.producer()));
}

struct Kept {
  std::uint64_t number;
  std::size_t size;
};

// Random arrivals, refills and receptions, beside a queue that does the same.
TEST(Spill, LosesNothingAndKeepsTheOrderInRandomUse) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (const std::uint64_t lines : {4U, 16U, 64U, 4096U}) {
    MessageRing ring = ring_of(lines);
    Spill spill(Bytes(200'000));
    std::deque<Kept> model;
    std::uint64_t number = 0;
    for (int step = 0; step < 20'000; ++step) {
      // Long phases in which one side is faster.
      const bool is_rush = step / 500 % 2 == 0;
      if (random() % 4 < (is_rush ? 3U : 1U)) {
        const std::size_t most = random() % 8 == 0 ? ring.max_payload() : 100;
        const std::size_t size = random() % (std::min(most, ring.max_payload()) + 1);
        if (arrive(spill, ring.producer(), bytes_of(size, number + 1), number + 1)) {
          model.push_back({++number, size});
        }
        continue;
      }
      if (random() % 2 == 0) (void)spill.refill(ring.producer());
      const auto message = ring.consumer().take();
      ASSERT_TRUE(message || model.size() == spill.size());
      if (!message) continue;
      ASSERT_EQ(message->info.user_data, model.front().number);
      ASSERT_EQ(std::vector(message->payload.begin(), message->payload.end()),
                bytes_of(model.front().size, model.front().number));
      model.pop_front();
      ring.consumer().release();
      if (random() % 4 != 0) ring.consumer().give_room();
    }
    EXPECT_GT(spill.counts().spilled, 0U);
    EXPECT_LE(spill.counts().peak_bytes, 200'000U);
  }
}

// A receiver that refills by itself when the hint says so. What this can show: a race on the hint
// or under the lock, under TSan. What it cannot: a receiver that sleeps through a refill, for this
// one polls.
TEST(Spill, LetsTheReceiverBringMessagesBack) {
  constexpr std::uint64_t kMessages = 20'000;
  MessageRing ring = ring_of(8);
  Spill spill(kMiB);
  SpinLock inlet;
  const Deadline until = in(kPatience);
  std::thread sender([&] {
    for (std::uint64_t number = 1; number <= kMessages && !has_passed(until);) {
      const std::lock_guard guard(inlet);
      if (arrive(spill, ring.producer(), bytes_of(number % 100, number), number)) ++number;
    }
  });
  std::uint64_t expected = 1;
  std::uint64_t wrong = 0;
  while (expected <= kMessages && !has_passed(until)) {
    const bool may_refill = spill.has_spilled();
    const std::uint64_t number = take_number(ring);
    if (number != 0) {
      wrong += number != expected++;
    } else if (may_refill) {
      const std::lock_guard guard(inlet);
      (void)spill.refill(ring.producer());
    }
  }
  sender.join();
  EXPECT_EQ(wrong, 0U);
  EXPECT_EQ(expected, kMessages + 1);
}

}  // namespace
}  // namespace smtni::ni
