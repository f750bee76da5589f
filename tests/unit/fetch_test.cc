#include "ni/fetch.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "core/memory.h"

namespace smtni::ni {
namespace {

std::vector<std::byte> bytes_of(std::size_t size, std::size_t first) {
  std::vector<std::byte> bytes(size);
  for (std::size_t at = 0; at < size; ++at) {
    bytes[at] = static_cast<std::byte>((first * 31 + at * 7 + at / 256) & 0xFF);
  }
  return bytes;
}

// A sink that takes what it is offered, or declines.
struct Sink {
  bool operator()(std::span<const std::byte> segment, bool is_last) {
    ++offered;
    if (is_declining) return false;
    sizes.push_back(segment.size());
    bytes.insert(bytes.end(), segment.begin(), segment.end());
    lasts += is_last;
    return true;
  }

  std::vector<std::byte> bytes;
  std::vector<std::size_t> sizes;
  int offered = 0;
  int lasts = 0;
  bool is_declining = false;
};

// Staging of four segments of 256 bytes.
class FetchTest : public testing::Test {
 protected:
  Fetch fetch_with(const FetchOptions& options) { return *Fetch::create(staging_, options); }
  [[nodiscard]] bool staging_is_empty() const { return staging_.is_empty(); }

  Memory memory_ = *allocate({.size = Bytes(4096)});
  Staging staging_ = *Staging::create(memory_.mapping.pages().first(1024), Bytes(256));
};

TEST_F(FetchTest, RefusesOptionsThatMakeNoSense) {
  for (const std::uint32_t reads : {0U, 65U, ~0U}) {
    const auto fetch = Fetch::create(staging_, {.outstanding_reads = reads});
    ASSERT_FALSE(fetch);
    EXPECT_EQ(fetch.error().kind, Error::Kind::invalid);
    EXPECT_NE(fetch.error().what.find("accepted: 1 to 64"), std::string::npos);
  }
  const auto fetch = Fetch::create(staging_, {.start_threshold = Bytes(1025)});
  ASSERT_FALSE(fetch);
  EXPECT_EQ(fetch.error().what,
            "a start threshold of 1025 bytes; accepted: up to the staging's 1024");
  EXPECT_TRUE(Fetch::create(staging_, {.outstanding_reads = 64, .start_threshold = Bytes(1024)}));
}

TEST_F(FetchTest, StagesEachByteOnce) {
  Fetch fetch = fetch_with({});
  const auto source = bytes_of(1000, 1);
  Sink sink;
  fetch.begin(source);
  while (fetch.is_busy()) fetch.step(Bytes(300), sink);
  EXPECT_EQ(fetch.staged_bytes(), 1000U);
}

TEST_F(FetchTest, HandsOnSegmentsFromStagingInOrder) {
  Fetch fetch = fetch_with({});
  const auto source = bytes_of(600, 1);
  std::vector<std::size_t> sizes;
  int lasts = 0;
  fetch.begin(source);
  const auto pages = memory_.mapping.pages();
  while (fetch.is_busy()) {
    fetch.step(Bytes(600), [&](std::span<const std::byte> segment, bool is_last) {
      EXPECT_GE(segment.data(), pages.data());
      EXPECT_LE(segment.data() + segment.size(), pages.data() + pages.size());
      EXPECT_EQ(is_last, sizes.size() == 2);
      sizes.push_back(segment.size());
      lasts += is_last;
      return true;
    });
  }
  EXPECT_EQ(sizes, (std::vector<std::size_t>{256, 256, 88}));
  EXPECT_EQ(lasts, 1);
}

TEST_F(FetchTest, HandsOnEverySizeWhole) {
  Fetch fetch = fetch_with({});
  const auto source = bytes_of(1700, 1);
  for (const std::size_t offset : {0U, 1U, 63U}) {
    for (std::size_t size = 0; size <= 1600; ++size) {
      const auto from = std::span(source).subspan(offset, size);
      Sink sink;
      fetch.begin(from);
      while (fetch.is_busy()) fetch.step(Bytes(500), sink);
      ASSERT_TRUE(std::equal(from.begin(), from.end(), sink.bytes.begin(), sink.bytes.end()))
          << size << " bytes at " << offset;
      ASSERT_EQ(sink.lasts, 1);
      ASSERT_TRUE(staging_is_empty());
    }
  }
}

TEST_F(FetchTest, HandsOnAnEmptyTransferAsOneEmptySegment) {
  Fetch fetch = fetch_with({.start_threshold = Bytes(1024)});
  Sink sink;
  sink.is_declining = true;
  fetch.begin({});
  EXPECT_FALSE(fetch.step(Bytes(500), sink));
  EXPECT_TRUE(fetch.is_busy());
  sink.is_declining = false;
  EXPECT_TRUE(fetch.step(Bytes(500), sink));
  EXPECT_FALSE(fetch.is_busy());
  EXPECT_EQ(sink.sizes, (std::vector<std::size_t>{0}));
  EXPECT_EQ(sink.lasts, 1);
}

TEST_F(FetchTest, FetchesOnWhileTheSinkDeclinesUntilStagingIsFull) {
  Fetch fetch = fetch_with({});
  const auto source = bytes_of(3000, 1);
  Sink sink;
  sink.is_declining = true;
  fetch.begin(source);
  EXPECT_TRUE(fetch.step(Bytes(700), sink));
  EXPECT_EQ(fetch.staged_bytes(), 700U);
  EXPECT_TRUE(fetch.step(Bytes(700), sink));
  EXPECT_EQ(fetch.staged_bytes(), 1024U);
  EXPECT_FALSE(fetch.step(Bytes(700), sink));
  EXPECT_EQ(fetch.staged_bytes(), 1024U);
  EXPECT_EQ(sink.offered, 3);  // one segment, once a step
  sink.is_declining = false;
  while (fetch.is_busy()) fetch.step(Bytes(700), sink);
  EXPECT_EQ(sink.bytes, source);
  EXPECT_EQ(fetch.staged_bytes(), 3000U);
}

TEST_F(FetchTest, HandsNothingOnBeforeTheStartThreshold) {
  Fetch fetch = fetch_with({.start_threshold = Bytes(600)});
  const auto source = bytes_of(2000, 1);
  Sink sink;
  fetch.begin(source);
  for (int step = 0; step < 5; ++step) fetch.step(Bytes(100), sink);
  EXPECT_EQ(sink.offered, 0);  // 500 bytes, one whole segment among them
  fetch.step(Bytes(100), sink);
  EXPECT_EQ(sink.sizes, (std::vector<std::size_t>{256, 256}));
}

TEST_F(FetchTest, StartsAShortTransferOnceAllOfItIsThere) {
  Fetch fetch = fetch_with({.start_threshold = Bytes(1024)});
  const auto source = bytes_of(300, 1);
  Sink sink;
  fetch.begin(source);
  fetch.step(Bytes(299), sink);
  EXPECT_EQ(sink.offered, 0);
  fetch.step(Bytes(1), sink);
  EXPECT_EQ(sink.bytes, source);
  EXPECT_FALSE(fetch.is_busy());
}

TEST_F(FetchTest, CountsABubbleForEachStepThatLeavesTheWireIdle) {
  Fetch fetch = fetch_with({});
  const auto source = bytes_of(768, 1);
  Sink sink;
  fetch.begin(source);
  for (int step = 0; step < 6; ++step) fetch.step(Bytes(128), sink);
  // Segments are whole in steps 2, 4 and 6. Step 1 is before the start; 3 and 5 have nothing.
  EXPECT_EQ(sink.sizes, (std::vector<std::size_t>{256, 256, 256}));
  EXPECT_EQ(fetch.bubbles(), 2U);
}

TEST_F(FetchTest, CountsNoBubbleWhileTheSinkDeclinesOrFetchingKeepsUp) {
  Fetch fetch = fetch_with({.start_threshold = Bytes(512)});
  const auto source = bytes_of(2048, 1);
  Sink sink;
  sink.is_declining = true;
  fetch.begin(source);
  for (int step = 0; step < 20; ++step) fetch.step(Bytes(128), sink);
  sink.is_declining = false;
  while (fetch.is_busy()) fetch.step(Bytes(256), sink);
  EXPECT_EQ(sink.bytes, source);
  EXPECT_EQ(fetch.bubbles(), 0U);
}

TEST_F(FetchTest, AbandonGivesTheStagingBack) {
  Fetch fetch = fetch_with({});
  const auto source = bytes_of(2000, 1);
  Sink sink;
  sink.is_declining = true;
  fetch.begin(source);
  fetch.step(Bytes(700), sink);
  EXPECT_FALSE(staging_is_empty());
  fetch.abandon();
  EXPECT_FALSE(fetch.is_busy());
  EXPECT_TRUE(staging_is_empty());
  sink.is_declining = false;
  fetch.begin(source);
  while (fetch.is_busy()) fetch.step(Bytes(700), sink);
  EXPECT_EQ(sink.bytes, source);
}

TEST_F(FetchTest, RefusesASecondTransferWhileItIsBusy) {
  Fetch fetch = fetch_with({});
  const auto source = bytes_of(200, 1);
  fetch.begin(source);
  EXPECT_DEATH(fetch.begin(source), "!is_busy_");
}

TEST_F(FetchTest, KeepsEveryByteInRandomSteps) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const auto source = bytes_of(8192, 1);
  for (int round = 0; round < 2000; ++round) {
    Fetch fetch = fetch_with({.outstanding_reads = static_cast<std::uint32_t>(1 + random() % 64),
                              .start_threshold = Bytes(random() % 1025)});
    const std::size_t size = random() % 4096;
    const auto from = std::span(source).subspan(random() % 4096, size);
    Sink sink;
    fetch.begin(from);
    while (fetch.is_busy()) {
      sink.is_declining = random() % 3 == 0;
      fetch.step(Bytes(random() % 700), sink);
    }
    ASSERT_EQ(sink.lasts, 1);
    ASSERT_EQ(fetch.staged_bytes(), size);
    ASSERT_TRUE(std::equal(from.begin(), from.end(), sink.bytes.begin(), sink.bytes.end()))
        << round;
    ASSERT_TRUE(staging_is_empty());
  }
}

}  // namespace
}  // namespace smtni::ni
