#include "experiments/throughput.h"

#include <cstring>

#include "core/message_ring.h"
#include "core/packed_stream.h"
#include "experiments/contest.h"
#include "experiments/statistics.h"
#include "ni/interface.h"

// What is timed: on the receiver's CPU, from the first message taken to the last one, so that
// everything counted has arrived. The sender fills every payload byte, the receiver reads a word of
// each line and checks the order.
namespace smtni::experiments {
namespace {

// The sender looks at the clock once in this many messages.
constexpr std::uint64_t kClockEvery = 1024;

struct Small {
  std::uint64_t number;
  std::uint64_t is_last;
  std::uint64_t filler[2];
};
static_assert(sizeof(Small) == 32);

tl::unexpected<Error> broken() {
  return failure(Error::Kind::corrupt, "messages were lost, or came out of order");
}

// Decides when the sender has sent enough.
class Clockwatch {
 public:
  explicit Clockwatch(const Bout& bout)
      : stop_(bout.stop), until_(TscClock::now() + bout.clock.cycles(bout.duration)) {}

  [[nodiscard]] bool is_over(std::uint64_t sent) const noexcept {
    return sent % kClockEvery == 0 && (TscClock::now() >= until_ || stop_.stop_requested());
  }

 private:
  std::stop_token stop_;
  TscInstant until_;
};

// Counts what arrives, from the first message on.
class Tape {
 public:
  void count(std::uint64_t messages) noexcept {
    if (count_ == 0) first_ = TscClock::now();
    count_ += messages;
  }
  void end() noexcept { last_ = TscClock::now(); }

  [[nodiscard]] double per_second(const Bout& bout) const noexcept {
    return static_cast<double>(count_) / bout.clock.nanoseconds(last_ - first_) * 1e9;
  }

 private:
  std::uint64_t count_ = 0;
  TscInstant first_;
  TscInstant last_;
};

// What one side changes at every message lives in that side's own frame: the closures lie side by
// side in this one, and a line written by one thread and read by the other would be measured too.
// `send(number, is_last)` and `take(expected, is_last)` move one message, and tell whether they
// could; `take` clears `in_order` when it is not the one expected.
template <class Send, class Take>
Result<Score> stream(const Bout& bout, Send send, Take take) {
  double per_second = 0;  // 0: something was lost
  const auto far = [&] {
    Lookout lookout(bout);
    const Clockwatch watch(bout);
    for (std::uint64_t number = 1;; ++number) {
      const bool is_last = watch.is_over(number);
      if (!lookout.wait([&] { return send(number, is_last); }) || is_last) return;
    }
  };
  const auto near = [&] {
    Lookout lookout(bout);
    Tape tape;
    bool in_order = true;
    bool is_last = false;
    for (std::uint64_t expected = 1; in_order && !is_last; ++expected) {
      if (!lookout.wait([&] { return take(expected, is_last, in_order); })) return;
      tape.count(1);
    }
    tape.end();
    if (in_order) per_second = tape.per_second(bout);
  };
  if (auto ran = run_pair(bout, near, far); !ran) return tl::unexpected(ran.error());
  if (per_second == 0) return broken();
  return Score{{}, per_second};
}

Result<Score> small_messages(const Bout& bout, RingProducer::Tuning tuning) {
  auto ring = MessageRing::create(256 * kKiB, tuning);
  if (!ring) return tl::unexpected(ring.error());
  return stream(
      bout,
      [&](std::uint64_t number, bool is_last) {
        return ring->producer().push_value(Small{number, is_last ? 1U : 0U, {}});
      },
      [&](std::uint64_t expected, bool& is_last, bool& in_order) {
        Small small{};
        if (!ring->consumer().pop_value(small)) return false;
        in_order = small.number == expected;
        is_last = small.is_last != 0;
        return true;
      });
}

Result<Score> with_write_ahead(const Bout& bout) { return small_messages(bout, {}); }
Result<Score> without_write_ahead(const Bout& bout) {
  return small_messages(bout, {.write_ahead = 0});
}

// 8-byte values, in batches of 64 on both sides; the last one has its top bit set.
Result<Score> packed_values(const Bout& bout) {
  constexpr std::uint64_t kLast = 1ULL << 63U;
  constexpr std::size_t kBatch = 64;
  auto ring = MessageRing::create(256 * kKiB);
  if (!ring) return tl::unexpected(ring.error());
  double per_second = 0;  // 0: something was lost
  const auto far = [&] {
    Lookout lookout(bout);
    const Clockwatch watch(bout);
    PackedWriter<std::uint64_t> writer(ring->producer(), 1);
    std::array<std::uint64_t, kBatch> values{};
    for (std::uint64_t batch = 1;; ++batch) {
      const bool is_last = watch.is_over(batch);
      for (std::size_t at = 0; at < kBatch; ++at) values[at] = (batch - 1) * kBatch + at;
      if (is_last) values.back() |= kLast;
      std::span<const std::uint64_t> rest(values);
      const bool sent = lookout.wait([&] {
        rest = rest.subspan(writer.push(rest));
        return rest.empty();
      });
      if (!sent || is_last) return;
    }
  };
  const auto near = [&] {
    Lookout lookout(bout);
    Tape tape;
    PackedReader<std::uint64_t> reader(ring->consumer());
    std::array<std::uint64_t, kBatch> values{};
    std::uint64_t expected = 0;
    for (;;) {
      std::size_t count = 0;
      if (!lookout.wait([&] { return (count = reader.pop(values)) != 0; })) return;
      tape.count(count);
      std::uint64_t wrong = 0;
      for (std::size_t at = 0; at < count; ++at) {
        wrong |= (values[at] & ~kLast) ^ (expected + at);
      }
      expected += count;
      if (wrong != 0) return;
      if ((values[count - 1] & kLast) != 0) break;
    }
    tape.end();
    per_second = tape.per_second(bout);
  };
  if (auto ran = run_pair(bout, near, far); !ran) return tl::unexpected(ran.error());
  if (per_second == 0) return broken();
  return Score{{}, per_second};
}

constexpr std::size_t kLarge = 4096;

// The sender copies a page in; the receiver reads it in place.
Result<Score> large_messages(const Bout& bout) {
  auto ring = MessageRing::create(kMiB);
  if (!ring) return tl::unexpected(ring.error());
  std::vector<std::byte> page(kLarge, std::byte{1});
  return stream(
      bout,
      [&](std::uint64_t number, bool is_last) {
        return ring->producer().push(page, {.type_id = is_last ? 1U : 0U, .user_data = number});
      },
      [&](std::uint64_t expected, bool& is_last, bool& in_order) {
        const auto message = ring->consumer().take();
        if (!message) return false;
        std::uint64_t sum = 0;
        for (std::size_t at = 0; at < kLarge; at += kCacheLine) {
          std::uint64_t word = 0;
          std::memcpy(&word, message->payload.data() + at, sizeof word);
          sum += word & 1;
        }
        in_order = message->info.user_data == expected && sum == kLarge / kCacheLine;
        is_last = message->info.type_id != 0;
        ring->consumer().release();
        return true;
      });
}

// Through an interface, the NI's work done in the sender's call.
Result<Score> through_the_ni(const Bout& bout) {
  auto interface = ni::Interface::start({.drive = ni::Drive::in_the_call});
  if (!interface) return tl::unexpected(interface.error());
  auto inbox = interface->open_endpoint({.notify = "poll/pause"});
  auto outbox = interface->open_endpoint({.notify = "poll/pause"});
  if (!inbox || !outbox) return tl::unexpected((inbox ? outbox : inbox).error());
  return stream(
      bout,
      [&](std::uint64_t number, bool is_last) {
        const Small small{number, is_last ? 1U : 0U, {}};
        return bool(
            outbox->send(inbox->address(), std::as_bytes(std::span<const Small, 1>(&small, 1))));
      },
      [&](std::uint64_t expected, bool& is_last, bool& in_order) {
        const ni::Received message = inbox->try_receive();
        if (!message) return false;
        Small small{};
        std::memcpy(&small, message->payload.data(), sizeof small);
        in_order = small.number == expected;
        is_last = small.is_last != 0;
        return true;
      });
}

constexpr std::array kContenders = {
    Contender{"ring", sizeof(Small), with_write_ahead},
    Contender{"ring, no write-ahead", sizeof(Small), without_write_ahead},
    Contender{"ring, packed values", sizeof(std::uint64_t), packed_values},
    Contender{"ring, pages", kLarge, large_messages},
    Contender{"NI in the call", sizeof(Small), through_the_ni},
};

Fields figures_of(const Contender& contender, std::span<const Score> scores,
                  std::span<const double> /*floors_ns*/, const Request& request) {
  std::vector<double> millions;
  for (const Score& score : scores) millions.push_back(score.per_second / 1e6);
  const Estimate rate = median_estimate(millions, {.seed = request.seed});
  const auto bytes = static_cast<double>(contender.payload_bytes);
  return {
      {"payload_bytes", static_cast<std::int64_t>(contender.payload_bytes)},
      {"messages_million_per_s", rate},
      {"repetition_messages_million_per_s", millions},
      {"bandwidth_gb_per_s", rate.value * bytes / 1e3},
      {"time_per_message_ns", 1e3 / rate.value},
  };
}

}  // namespace

Result<Findings> throughput(const Request& request) {
  return hold({.contenders = kContenders, .figures = figures_of}, request);
}

}  // namespace smtni::experiments
