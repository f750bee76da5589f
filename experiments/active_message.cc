#include "experiments/active_message.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <random>

#include "core/deadline.h"
#include "experiments/contest.h"
#include "experiments/statistics.h"
#include "ni/active_message.h"
#include "ni/interface.h"

// What is timed: RDTSC before the send and RDTSCP, which waits for what precedes it, on the
// receiver's CPU, where plain delivery ends when receive() has returned, and dispatch at the
// handler's first instruction. Both waits are the same call on the same endpoint, through the same
// mechanism; which of them a message meets is drawn at random, alike on both sides. Each message is
// sent at a random moment after the one before it has been seen, which is told through a line of
// its own. Every payload is checked. Excluded: the first rounds of each bout, and what the receiver
// does after it has its message.
//
// An offset between the two CPUs' clocks moves both latencies alike, and not their difference.
// Emulated: the NI, by the sender's call. Real: the waits and the dispatch.
namespace smtni::experiments {
namespace {

constexpr std::size_t kSamplesMax = 1 << 17;
constexpr std::uint64_t kWarmUp = 200;
constexpr std::uint16_t kHandler = 1;
// One wait; what comes later is waited for again.
constexpr std::chrono::milliseconds kOneWait{100};

struct Ball {
  std::uint64_t round;
  std::uint64_t complement;
  std::uint64_t sent;
  std::uint64_t is_last;
};
static_assert(sizeof(Ball) == 32);

// What the receiver has of one message.
struct Catch {
  TscInstant at;
  Ball ball{};

  void take(TscInstant now, const Message& message) noexcept {
    at = now;
    if (message.payload.size() == sizeof ball) {
      std::memcpy(&ball, message.payload.data(), sizeof ball);
    }
  }
};

// The two sides' coin: the same sequence for the same seed.
class Coin {
 public:
  explicit Coin(std::uint64_t seed) : random_(seed) {}
  [[nodiscard]] bool falls_on_dispatch() { return (random_() & 1U) != 0; }

 private:
  std::mt19937_64 random_;
};

void send_all(const Bout& bout, ni::Endpoint& from, ni::Address to, const RoundsSeen& seen) {
  Lookout lookout(bout);
  RandomGaps gaps(bout, bout.seed);
  const TscInstant until = TscClock::now() + bout.clock.cycles(bout.duration);
  for (std::uint64_t round = 1;; ++round) {
    const TscInstant at = gaps.pass();
    const bool is_last = (at >= until && round > 4 * kWarmUp) || bout.stop.stop_requested();
    Ball thrown{.round = round, .complement = ~round, .sent = 0, .is_last = is_last ? 1U : 0U};
    thrown.sent = TscClock::now().reading();
    if (!from.send(to, std::as_bytes(std::span<const Ball, 1>(&thrown, 1)),
                   {.handler = kHandler})) {
      return;
    }
    // acquire: the next message is sent after this one was seen.
    if (!lookout.wait([&] { return seen.rounds.load(std::memory_order_acquire) == round; })) {
      return;
    }
    if (is_last) return;
  }
}

// One message, one way or the other. False when none came.
class Receiver {
 public:
  explicit Receiver(ni::Endpoint& inbox)
      : inbox_(inbox), handlers_([](ni::ActiveMessage&) noexcept {}) {}

  Result<void> register_handler(Catch& caught) {
    return handlers_.add(kHandler, "catch", [&caught](ni::ActiveMessage& message) {
      const TscInstant now = TscClock::end();
      caught.take(now, *message);
    });
  }

  [[nodiscard]] bool dispatch() noexcept { return inbox_.serve(handlers_, in(kOneWait)) != 0; }
  [[nodiscard]] bool receive(Catch& caught) noexcept {
    const ni::Received message = inbox_.receive(in(kOneWait));
    const TscInstant now = TscClock::end();
    if (!message) return false;
    caught.take(now, *message);
    return true;
  }

 private:
  ni::Endpoint& inbox_;
  ni::ActiveHandlers handlers_;
};

// Both kinds' samples, or none when a message is missing or broken.
Score receive_all(const Bout& bout, ni::Endpoint& inbox, RoundsSeen& seen) {
  Score score;
  score.samples_cycles.reserve(kSamplesMax);
  score.compared_cycles.reserve(kSamplesMax);
  Catch caught;
  Receiver receiver(inbox);
  if (!receiver.register_handler(caught)) return {};
  Coin coin(bout.seed);
  Lookout lookout(bout);
  for (std::uint64_t round = 1;; ++round) {
    const bool is_dispatched = coin.falls_on_dispatch();
    if (!lookout.wait(
            [&] { return is_dispatched ? receiver.dispatch() : receiver.receive(caught); })) {
      return {};
    }
    const Ball& ball = caught.ball;
    if (ball.round != round || ball.complement != ~round) return {};
    auto& samples = is_dispatched ? score.samples_cycles : score.compared_cycles;
    if (round >= kWarmUp && ball.is_last == 0 && samples.size() < kSamplesMax) {
      samples.push_back((caught.at - TscInstant(ball.sent)).count());
    }
    const bool is_last = ball.is_last != 0;
    seen.rounds.store(round, std::memory_order_release);
    if (is_last) return score;
  }
}

Result<Score> exchange(const Bout& bout, std::string_view mechanism) {
  auto interface = ni::Interface::start({.drive = ni::Drive::in_the_call});
  if (!interface) return tl::unexpected(interface.error());
  auto inbox = interface->open_endpoint({.notify = mechanism});
  auto outbox = interface->open_endpoint({.notify = mechanism});
  if (!inbox || !outbox) return tl::unexpected((inbox ? outbox : inbox).error());
  RoundsSeen seen;
  Score score;
  const auto near = [&] { score = receive_all(bout, *inbox, seen); };
  const auto far = [&] { send_all(bout, *outbox, inbox->address(), seen); };
  if (auto ran = run_pair(bout, near, far); !ran) return tl::unexpected(ran.error());
  if (score.samples_cycles.empty() || score.compared_cycles.empty()) {
    return failure(Error::Kind::timed_out, "a message did not come, or not as it was sent");
  }
  return score;
}

Result<Score> polled(const Bout& bout) { return exchange(bout, "poll/pause"); }
Result<Score> polled_at_once(const Bout& bout) { return exchange(bout, "poll/spin"); }
Result<Score> by_lock_bit(const Bout& bout) { return exchange(bout, "lock-table/spin"); }

constexpr std::array kContenders = {
    Contender{"poll/pause", sizeof(Ball), polled},
    Contender{"poll/spin", sizeof(Ball), polled_at_once},
    Contender{"lock-table/spin", sizeof(Ball), by_lock_bit},
};

// Of one repetition's samples, the mean of the middle half. Where the counter moves in steps, so
// does a median; but messages come at random moments, and the mean over many steps falls between
// them.
double middle_ns(std::vector<std::uint64_t> samples, const TscClock& clock) {
  std::ranges::sort(samples);
  const std::size_t quarter = samples.size() / 4;
  double sum = 0;
  for (std::size_t at = quarter; at < samples.size() - quarter; ++at) {
    sum += clock.nanoseconds(TscCycles(samples[at]));
  }
  return sum / static_cast<double>(samples.size() - 2 * quarter);
}

Fields figures_of(const Contender& contender, std::span<const Score> scores,
                  std::span<const double> floors_ns, const Request& request) {
  const Latencies plain = latencies_of(scores, request.clock, &Score::compared_cycles);
  Fields figures = latency_figures(contender, scores, floors_ns, request);
  std::vector<double> later_ns;
  for (const Score& score : scores) {
    later_ns.push_back(middle_ns(score.samples_cycles, request.clock) -
                       middle_ns(score.compared_cycles, request.clock));
  }
  figures.push_back({"plain_latency_ns", plain.pooled_ns});
  figures.push_back({"later_ns", median_estimate(later_ns, {.seed = request.seed})});
  figures.push_back({"repetition_later_ns", later_ns});
  return figures;
}

}  // namespace

Result<Findings> active_message(const Request& request) {
  return hold({.contenders = kContenders, .figures = figures_of}, request);
}

}  // namespace smtni::experiments
