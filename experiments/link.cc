#include "experiments/link.h"

#include <cstring>

#include "experiments/contest.h"
#include "experiments/statistics.h"
#include "ni/interface.h"
#include "threads/pinned_thread.h"

// What is timed, all in one application thread that sends to itself through the NI thread, so that
// no offset between two CPUs' clocks enters. For half of the time single messages, each sent when
// the one before it has come: RDTSC before the send and RDTSC after the take. For the other half as
// many messages as are accepted: from before the first send to the last one taken, less the
// latency, so that everything counted has arrived, and a receiver that looks late cannot flatter
// the rate. The sender writes every payload byte, the receiver reads a word of each line and checks
// the order. Excluded: the first rounds of each bout.
namespace smtni::experiments {
namespace {

constexpr Nanoseconds kLatency{1000};
constexpr Bytes kBuffers = 256 * kKiB;
constexpr std::size_t kSamplesMax = 1 << 16;
constexpr std::uint64_t kWarmUp = 20;
constexpr int kBurst = 16;

tl::unexpected<Error> broken() {
  return failure(Error::Kind::corrupt, "messages were lost, or came out of order");
}

// An endpoint that sends to itself: every payload byte of a message is its number's last one.
class Loop {
 public:
  Loop(ni::Endpoint& self, std::size_t bytes) : self_(self), payload_(bytes) {}

  [[nodiscard]] bool send() noexcept {
    std::memset(payload_.data(), static_cast<int>(sent_ & 0xFFU), payload_.size());
    if (!self_.send(self_.address(), payload_, {.user_data = sent_})) return false;
    ++sent_;
    return true;
  }

  [[nodiscard]] bool receive() noexcept {
    const ni::Received message = self_.try_receive();
    if (!message) return false;
    const auto expected = static_cast<std::byte>(received_ & 0xFFU);
    is_whole_ &= message->info.user_data == received_ && message->payload.size() == payload_.size();
    for (std::size_t at = 0; at < message->payload.size(); at += kCacheLine) {
      is_whole_ &= message->payload[at] == expected;
    }
    ++received_;
    return true;
  }

  [[nodiscard]] std::uint64_t received() const noexcept { return received_; }
  [[nodiscard]] bool is_empty() const noexcept { return received_ == sent_; }
  [[nodiscard]] bool is_whole() const noexcept { return is_whole_; }

 private:
  ni::Endpoint& self_;
  std::vector<std::byte> payload_;
  std::uint64_t sent_ = 0;
  std::uint64_t received_ = 0;
  bool is_whole_ = true;
};

// False when a message did not come.
bool one_at_a_time(const Bout& bout, Loop& loop, Score& score) {
  Lookout lookout(bout);
  score.samples_cycles.reserve(kSamplesMax);
  const TscInstant until = TscClock::now() + bout.clock.cycles(bout.duration / 2);
  for (std::uint64_t round = 0; round <= kWarmUp || TscClock::now() < until; ++round) {
    const TscInstant before = TscClock::now();
    if (!loop.send() || !lookout.wait([&] { return loop.receive(); })) return false;
    const TscInstant after = TscClock::now();
    if (round >= kWarmUp && score.samples_cycles.size() < kSamplesMax) {
      score.samples_cycles.push_back((after - before).count());
    }
  }
  return true;
}

// False when a message did not come. REQUIRES: the loop is empty.
bool as_many_as_go(const Bout& bout, Loop& loop, Score& score) {
  Lookout lookout(bout);
  const std::uint64_t before = loop.received();
  const TscInstant start = TscClock::now();
  const TscInstant until = start + bout.clock.cycles(bout.duration / 2);
  TscInstant last;
  bool is_sending = true;
  const bool came = lookout.wait([&] {
    for (int turn = 0; is_sending && turn < kBurst && loop.send(); ++turn) continue;
    for (int turn = 0; turn < kBurst && loop.receive(); ++turn) {
      last = TscClock::now();
    }
    is_sending = is_sending && TscClock::now() < until;
    return !is_sending && loop.is_empty();
  });
  const std::uint64_t count = loop.received() - before;
  if (!came || count == 0) return false;
  const TscInstant first = start + bout.clock.cycles(kLatency);
  score.per_second = static_cast<double>(count) / bout.clock.nanoseconds(last - first) * 1e9;
  return true;
}

Result<Score> over_a_link(const Bout& bout, double gigabits_per_second, std::size_t bytes) {
  auto interface = ni::Interface::start({
      .placement = Placement::at(bout.cpus),
      .link =
          ni::LinkOptions{
              .gigabits_per_second = gigabits_per_second, .latency = kLatency, .clock = bout.clock},
  });
  if (!interface) return tl::unexpected(interface.error());
  auto self = interface->open_endpoint(
      {.message_cache = kBuffers, .send_buffer = kBuffers, .notify = "poll/pause"});
  if (!self) return tl::unexpected(self.error());
  Score score;
  bool came = false;
  const auto near = [&] {
    Loop loop(*self, bytes);
    came = one_at_a_time(bout, loop, score) && as_many_as_go(bout, loop, score) && loop.is_whole();
  };
  auto thread = threads::PinnedThread::start({.name = "near", .cpu = bout.cpus.receiver}, near);
  if (!thread) return tl::unexpected(thread.error());
  thread->join();
  if (!came) return broken();
  return score;
}

constexpr std::size_t kSmall = 64;
constexpr std::size_t kLarge = 4096;

template <int kGigabitsPerSecond, std::size_t kBytes>
Result<Score> measure(const Bout& bout) {
  return over_a_link(bout, kGigabitsPerSecond, kBytes);
}

// A contender and what is asked of its link; 0: no limit.
struct Case {
  Contender contender;
  double gigabits_per_second;
};

template <int kGigabitsPerSecond, std::size_t kBytes>
constexpr Case case_of(std::string_view name) {
  return {{name, kBytes, measure<kGigabitsPerSecond, kBytes>}, kGigabitsPerSecond};
}

constexpr std::array kCases = {
    case_of<4, kSmall>("64 B at 4 Gb/s"),      case_of<8, kSmall>("64 B at 8 Gb/s"),
    case_of<16, kSmall>("64 B at 16 Gb/s"),    case_of<32, kSmall>("64 B at 32 Gb/s"),
    case_of<100, kSmall>("64 B at 100 Gb/s"),  case_of<0, kSmall>("64 B, unlimited"),
    case_of<4, kLarge>("4 KiB at 4 Gb/s"),     case_of<8, kLarge>("4 KiB at 8 Gb/s"),
    case_of<16, kLarge>("4 KiB at 16 Gb/s"),   case_of<32, kLarge>("4 KiB at 32 Gb/s"),
    case_of<100, kLarge>("4 KiB at 100 Gb/s"), case_of<0, kLarge>("4 KiB, unlimited"),
};

constexpr auto kContenders = [] {
  std::array<Contender, kCases.size()> contenders{};
  for (std::size_t at = 0; at < kCases.size(); ++at) contenders[at] = kCases[at].contender;
  return contenders;
}();

double wire_bits(const Contender& contender) {
  return static_cast<double>(contender.payload_bytes + ni::LinkWire::kHeader.count()) * 8;
}

void add_rate(Fields& figures, const Contender& contender, std::span<const Score> scores,
              const Request& request) {
  const double asked =
      kCases[static_cast<std::size_t>(&contender - kContenders.data())].gigabits_per_second;
  std::vector<double> rates;
  for (const Score& score : scores) {
    rates.push_back(score.per_second * wire_bits(contender) / 1e9);
  }
  if (asked == 0) {
    figures.push_back({"requested_gigabits_per_s", Absent{"unlimited"}});
  } else {
    figures.push_back({"requested_gigabits_per_s", asked});
  }
  figures.push_back({"achieved_gigabits_per_s", median_estimate(rates, {.seed = request.seed})});
  figures.push_back({"repetition_achieved_gigabits_per_s", rates});
  if (asked == 0) {
    figures.push_back({"achieved_to_requested_ratio", Absent{"unlimited"}});
  } else {
    for (double& rate : rates) rate /= asked;
    figures.push_back(
        {"achieved_to_requested_ratio", median_estimate(rates, {.seed = request.seed})});
  }
  const double sending_ns = asked == 0 ? 0 : wire_bits(contender) / asked;
  figures.push_back({"requested_latency_ns", static_cast<double>(kLatency.count()) + sending_ns});
}

Fields figures_of(const Contender& contender, std::span<const Score> scores,
                  std::span<const double> floors_ns, const Request& request) {
  Fields figures = {{"payload_bytes", static_cast<std::int64_t>(contender.payload_bytes)}};
  add_rate(figures, contender, scores, request);
  const double asked_ns = *find_number(figures, "requested_latency_ns");
  Latencies latencies = latencies_of(scores, request.clock);
  if (latencies.medians_ns.empty()) {
    figures.push_back({"latency_ns", Absent{"no message was timed"}});
    return figures;
  }
  figures.push_back({"latency_ns", latencies.pooled_ns});
  figures.push_back({"repetition_median_latencies_ns", latencies.medians_ns});
  std::vector<double>& beyond_ns = latencies.medians_ns;
  for (double& latency : beyond_ns) latency -= asked_ns;
  figures.push_back({"latency_beyond_request_ns", median(beyond_ns)});
  if (floors_ns.empty()) {
    figures.push_back({"beyond_request_to_floor_ratio", Absent{"no floor at this placement"}});
  } else {
    figures.push_back({"beyond_request_to_floor_ratio",
                       ratio_estimate({.numerators = beyond_ns, .denominators = floors_ns},
                                      {.seed = request.seed})});
  }
  return figures;
}

}  // namespace

Result<Findings> link(const Request& request) {
  return hold({.contenders = kContenders, .figures = figures_of}, request);
}

}  // namespace smtni::experiments
