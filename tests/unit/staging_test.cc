// What staging promises, and why its space is reserved per class: a simulated wire that sends in
// order, beside which a shared pool comes to a stop.
#include "ni/staging.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <deque>
#include <random>
#include <string>
#include <vector>

#include "core/memory.h"

namespace smtni::ni {
namespace {

// Small messages (PIO) and segments of bulk transfers (DMA).
enum class Class : std::uint8_t { small, bulk };

struct Lines {
  explicit Lines(std::size_t bytes) : pages(*allocate({.size = Bytes(bytes)})) {}
  [[nodiscard]] std::span<std::byte> span() const { return pages.mapping.pages(); }
  Memory pages;
};

std::string refusal_of(std::size_t size, Bytes segment) {
  const Lines lines(4096);
  const auto staging = Staging::create(lines.span().first(size), segment);
  if (staging) return "";
  EXPECT_EQ(staging.error().kind, Error::Kind::invalid);
  return staging.error().what;
}

TEST(Staging, AcceptsWholeSegments) {
  EXPECT_EQ(refusal_of(4096, Bytes(1024)), "");
  EXPECT_EQ(refusal_of(64, Bytes(64)), "");
}

TEST(Staging, RefusesSizesThatMakeNoSense) {
  for (const std::size_t wrong : {0U, 1U, 100U, 192U}) {
    EXPECT_NE(refusal_of(wrong, Bytes(128)).find("accepted: whole segments"), std::string::npos);
  }
  for (const Bytes wrong : {Bytes(0), Bytes(1), Bytes(100), Bytes(std::uint64_t{1} << 40)}) {
    EXPECT_NE(refusal_of(4096, wrong).find("accepted: whole segments"), std::string::npos);
  }
  EXPECT_EQ(refusal_of(192, Bytes(128)),
            "staging of 192 bytes in segments of 128; accepted: whole segments, a multiple of 64 "
            "each, up to 1073741824 in all");
}

class OfFourLines : public testing::Test {
 protected:
  Lines lines_{256};
  Staging staging_ = *Staging::create(lines_.span().first(256), Bytes(256));

  // Where it lies, in lines since the memory began; none: -1.
  int take(std::size_t bytes) {
    const auto room = staging_.take(bytes);
    if (!room) return -1;
    EXPECT_EQ(room->size(), bytes);
    const std::ptrdiff_t offset = room->data() - lines_.span().data();
    EXPECT_EQ(offset % 64, 0);
    return static_cast<int>(offset / 64);
  }
};

TEST_F(OfFourLines, TakesWholeLinesInOrder) {
  EXPECT_EQ(take(0), 0);
  EXPECT_EQ(take(1), 1);
  EXPECT_EQ(take(65), 2);
  EXPECT_EQ(take(1), -1);
}

TEST_F(OfFourLines, TellsTheLargestAndTheCapacity) {
  EXPECT_EQ(staging_.largest(), 256U);
  EXPECT_EQ(staging_.capacity(), Bytes(256));
}

TEST_F(OfFourLines, GivesBackTheOldestFirst) {
  take(10);
  take(20);
  EXPECT_EQ(staging_.oldest().size(), 10U);
  staging_.give_back();
  EXPECT_EQ(staging_.oldest().size(), 20U);
  EXPECT_FALSE(staging_.is_empty());
  staging_.give_back();
  EXPECT_TRUE(staging_.is_empty());
}

TEST_F(OfFourLines, LeavesAGapAtTheEndForWhatDoesNotFitThere) {
  EXPECT_EQ(take(128), 0);
  EXPECT_EQ(take(64), 2);
  staging_.give_back();
  EXPECT_EQ(take(128), 0);  // line 3 is the gap
  EXPECT_EQ(take(1), -1);
  staging_.give_back();  // line 2, and the gap with it
  EXPECT_EQ(staging_.oldest().data(), lines_.span().data());
  EXPECT_EQ(take(65), 2);
}

TEST_F(OfFourLines, FitsTheLargestOnceItIsEmpty) {
  EXPECT_EQ(take(64), 0);
  EXPECT_EQ(take(64), 1);
  staging_.give_back();
  EXPECT_EQ(take(256), -1);
  staging_.give_back();
  EXPECT_EQ(take(256), 0);
}

TEST_F(OfFourLines, RefusesMoreThanTheLargest) {
  EXPECT_DEATH((void)staging_.take(257), "bytes <= largest_");
  EXPECT_DEATH(staging_.give_back(), "taken_ != 0");
}

// What an endpoint has: room for small messages, and staging for bulk ones.
class PerClass {
 public:
  PerClass(std::span<std::byte> memory, std::size_t small, std::size_t segment)
      : small_(*Staging::create(memory.first(small), Bytes(small))),
        bulk_(*Staging::create(memory.subspan(small), Bytes(segment))) {}

  std::optional<std::span<std::byte>> take(Class of, std::size_t bytes) {
    return of_class(of).take(bytes);
  }
  std::span<std::byte> oldest(Class of) { return of_class(of).oldest(); }
  void give_back(Class of) { of_class(of).give_back(); }

 private:
  Staging& of_class(Class of) { return of == Class::small ? small_ : bulk_; }

  Staging small_;
  Staging bulk_;
};

// What not to build: any message may take any slot. The same interface as PerClass.
class SharedPool {
 public:
  explicit SharedPool(std::size_t slots) : free_(slots) {}

  std::optional<std::span<std::byte>> take(Class of, std::size_t bytes) {
    if (free_ == 0) return std::nullopt;
    --free_;
    auto& taken = taken_[static_cast<std::size_t>(of)];
    taken.emplace_back(bytes);
    return std::span(taken.back());
  }
  std::span<std::byte> oldest(Class of) { return taken_[static_cast<std::size_t>(of)].front(); }
  void give_back(Class of) {
    taken_[static_cast<std::size_t>(of)].pop_front();
    ++free_;
  }

 private:
  std::size_t free_;
  std::array<std::deque<std::vector<std::byte>>, 2> taken_;
};

// Messages on a wire that sends in the order of submission and never splices one into another.
template <class Pool>
class InOrderWire {
 public:
  struct Job {
    Class of = Class::small;
    std::vector<std::byte> bytes;
    std::size_t staged = 0;
    std::vector<std::byte> arrived;
  };

  InOrderWire(Pool& pool, std::size_t segment) : pool_(pool), segment_(segment) {}

  void submit(Class of, std::vector<std::byte> bytes) {
    jobs_.push_back({.of = of, .bytes = std::move(bytes), .staged = 0, .arrived = {}});
  }

  // The sender composes its next small message in staging.
  bool compose() {
    Job* const job = first_unstaged(Class::small);
    return job != nullptr && stage(*job, job->bytes.size());
  }
  // The NI fetches the next segment of the oldest bulk message.
  bool fetch() {
    Job* const job = first_unstaged(Class::bulk);
    return job != nullptr && stage(*job, std::min(segment_, job->bytes.size() - job->staged));
  }
  // What comes next leaves, as far as it is staged.
  bool transmit() {
    if (next_ == jobs_.size()) return false;
    Job& job = jobs_[next_];
    if (job.staged == job.arrived.size()) return false;
    const std::span<std::byte> oldest = pool_.oldest(job.of);
    job.arrived.insert(job.arrived.end(), oldest.begin(), oldest.end());
    pool_.give_back(job.of);
    if (job.arrived.size() == job.bytes.size()) ++next_;
    return true;
  }

  [[nodiscard]] std::size_t sent() const { return next_; }
  [[nodiscard]] const std::vector<Job>& jobs() const { return jobs_; }

 private:
  Job* first_unstaged(Class of) {
    const auto job = std::find_if(jobs_.begin(), jobs_.end(), [&](const Job& candidate) {
      return candidate.of == of && candidate.staged < candidate.bytes.size();
    });
    return job == jobs_.end() ? nullptr : &*job;
  }
  bool stage(Job& job, std::size_t bytes) {
    const auto room = pool_.take(job.of, bytes);
    if (!room) return false;
    std::copy_n(job.bytes.begin() + static_cast<std::ptrdiff_t>(job.staged), bytes, room->begin());
    job.staged += bytes;
    return true;
  }

  Pool& pool_;
  std::size_t segment_;
  std::vector<Job> jobs_;
  std::size_t next_ = 0;
};

std::vector<std::byte> bytes_of(std::size_t size, std::size_t first) {
  std::vector<std::byte> bytes(size);
  for (std::size_t at = 0; at < size; ++at) bytes[at] = static_cast<std::byte>(first * 31 + at * 7);
  return bytes;
}

// Lets everybody act until nobody can; a step that does nothing changes nothing.
template <class Pool>
void run_to_the_end(InOrderWire<Pool>& wire) {
  while (wire.transmit() || wire.fetch() || wire.compose()) {
  }
}

TEST(SharedPool, StopsWithSmallMessagesBehindAHalfSentBulkMessage) {
  SharedPool pool(2);
  InOrderWire<SharedPool> wire(pool, 64);
  wire.submit(Class::bulk, bytes_of(128, 1));
  for (std::size_t count = 2; count <= 4; ++count) wire.submit(Class::small, bytes_of(64, count));
  ASSERT_TRUE(wire.fetch());
  ASSERT_TRUE(wire.compose());
  ASSERT_TRUE(wire.transmit());
  ASSERT_TRUE(wire.compose());    // takes the freed slot before the rest is fetched
  EXPECT_FALSE(wire.transmit());  // the bulk message is first, and its rest is not staged
  EXPECT_FALSE(wire.fetch());     // the rest needs a slot
  EXPECT_FALSE(wire.compose());   // so does the third small message
  EXPECT_EQ(wire.sent(), 0U);
  EXPECT_EQ(wire.jobs()[0].arrived.size(), 64U);
}

TEST(Staging, SendsSmallMessagesBehindAHalfSentBulkMessage) {
  const Lines lines(128);
  PerClass staging(lines.span().first(128), 64, 64);
  InOrderWire<PerClass> wire(staging, 64);
  wire.submit(Class::bulk, bytes_of(128, 1));
  for (std::size_t count = 2; count <= 4; ++count) wire.submit(Class::small, bytes_of(64, count));
  ASSERT_TRUE(wire.fetch());
  ASSERT_TRUE(wire.compose());
  ASSERT_TRUE(wire.transmit());
  EXPECT_FALSE(wire.compose());  // its class is full; the freed slot is not for it
  run_to_the_end(wire);
  EXPECT_EQ(wire.sent(), 4U);
  for (const auto& job : wire.jobs()) EXPECT_EQ(job.arrived, job.bytes);
}

TEST(Staging, NeverStopsUnderRandomTraffic) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  std::size_t shared_stops = 0;
  for (int round = 0; round < 300; ++round) {
    const std::size_t segment = 64 * (1 + random() % 4);
    const std::size_t bulk = segment * (1 + random() % 3);
    const std::size_t small = 64 * (1 + random() % 6);
    const Lines lines(small + bulk);
    PerClass staging(lines.span().first(small + bulk), small, segment);
    SharedPool pool(2 + random() % 3);
    InOrderWire<PerClass> wire(staging, segment);
    InOrderWire<SharedPool> shared(pool, segment);
    for (std::size_t count = 0; count < 40; ++count) {
      const Class of = random() % 3 == 0 ? Class::bulk : Class::small;
      const std::size_t size = 1 + random() % (of == Class::bulk ? 6 * segment : small);
      wire.submit(of, bytes_of(size, count));
      shared.submit(of, bytes_of(size, count));
    }
    for (int step = 0; step < 300; ++step) {
      const auto who = random() % 3;
      who == 0 ? wire.transmit() : who == 1 ? wire.fetch() : wire.compose();
      who == 0 ? shared.transmit() : who == 1 ? shared.fetch() : shared.compose();
    }
    run_to_the_end(wire);
    run_to_the_end(shared);
    ASSERT_EQ(wire.sent(), 40U) << "round " << round;
    for (const auto& job : wire.jobs()) ASSERT_EQ(job.arrived, job.bytes) << "round " << round;
    shared_stops += shared.sent() != 40;
  }
  EXPECT_GT(shared_stops, 0U);  // the traffic is of the kind that a shared pool does not survive
}

}  // namespace
}  // namespace smtni::ni
