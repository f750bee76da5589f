#include "experiments/pingpong.h"

#include <atomic>
#include <cstring>

#include "core/message_ring.h"
#include "experiments/contest.h"
#include "ni/interface.h"
#include "threads/pinned_thread.h"

// What is timed: RDTSC before a request is written and RDTSC after its answer has been taken, on
// the same CPU; for one way, RDTSC before the write and RDTSC after the take on the other CPU.
// There, as many messages of each direction are pooled (pool_evenly()). Every payload is written,
// read and checked. Excluded: the first rounds of each bout.
namespace smtni::experiments {
namespace {

constexpr Bytes kCapacity{64 * 1024};
constexpr std::size_t kSamplesMax = 1 << 18;
constexpr std::uint64_t kWarmUp = 200;

// 32 bytes: the number of the round, its complement, and what the contender needs.
struct Ball {
  std::uint64_t round;
  std::uint64_t complement;
  std::uint64_t sent;
  std::uint64_t is_last;

  [[nodiscard]] bool is_whole() const noexcept { return complement == ~round; }
};
static_assert(sizeof(Ball) == 32);

Ball ball(std::uint64_t round) noexcept { return {round, ~round, 0, 0}; }

std::span<const std::byte> bytes_of(const Ball& thrown) noexcept {
  return std::as_bytes(std::span<const Ball, 1>(&thrown, 1));
}

Ball ball_in(const Message& message) noexcept {
  Ball caught{};
  std::memcpy(&caught, message.payload.data(), sizeof caught);
  return caught;
}

tl::unexpected<Error> lost(std::string_view what) {
  return failure(Error::Kind::timed_out, std::string(what) + " did not come back");
}

// The near side of a round trip: throws until time is up, then throws the last ball. No samples
// when a ball did not come back whole: then `there_and_back` is false. What is changed at every
// round lives in this frame, not beside what the far side reads.
template <class ThereAndBack>
std::vector<std::uint64_t> play(const Bout& bout, ThereAndBack there_and_back) {
  std::vector<std::uint64_t> samples;
  samples.reserve(kSamplesMax);
  const TscInstant until = TscClock::now() + bout.clock.cycles(bout.duration);
  for (std::uint64_t round = 0;; ++round) {
    Ball thrown = ball(round);
    thrown.is_last = TscClock::now() >= until && round > kWarmUp ? 1 : 0;
    const TscInstant before = TscClock::now();
    if (!there_and_back(thrown)) return {};
    const TscInstant after = TscClock::now();
    if (thrown.is_last != 0) return samples;
    if (round >= kWarmUp && samples.size() < kSamplesMax) {
      samples.push_back((after - before).count());
    }
  }
}

Result<MessageRing> new_ring() { return MessageRing::create(kCapacity); }

// Two rings, one each way; `pauses` between two looks.
Result<Score> ring_round_trip(const Bout& bout, int pauses) {
  auto there = new_ring();
  auto back = new_ring();
  if (!there || !back) return tl::unexpected((there ? back : there).error());
  Score score;
  const auto near = [&] {
    Lookout lookout(bout, pauses);
    score.samples_cycles = play(bout, [&](const Ball& thrown) {
      Ball caught{};
      there->producer().push_value(thrown);
      return lookout.wait([&] { return back->consumer().pop_value(caught); }) &&
             caught.is_whole() && caught.round == thrown.round;
    });
  };
  const auto far = [&] {
    Lookout lookout(bout, pauses);
    Ball caught{};
    while (lookout.wait([&] { return there->consumer().pop_value(caught); })) {
      back->producer().push_value(caught);
      if (caught.is_last != 0) return;
    }
  };
  if (auto ran = run_pair(bout, near, far); !ran) return tl::unexpected(ran.error());
  if (score.samples_cycles.empty()) return lost("a message");
  return score;
}

Result<Score> ring_polled_with_pause(const Bout& bout) { return ring_round_trip(bout, 1); }
Result<Score> ring_polled_without_pause(const Bout& bout) { return ring_round_trip(bout, 0); }

// The answer comes back in the request's own line.
Result<Score> call(const Bout& bout) {
  auto ring = new_ring();
  if (!ring) return tl::unexpected(ring.error());
  Score score;
  const auto near = [&] {
    Lookout lookout(bout);
    score.samples_cycles = play(bout, [&](const Ball& thrown) {
      std::optional<Message> reply;
      ring->producer().begin_call(bytes_of(thrown));
      return lookout.wait([&] { return (reply = ring->producer().poll_reply()).has_value(); }) &&
             ball_in(*reply).round == thrown.round && ball_in(*reply).is_whole();
    });
  };
  const auto far = [&] {
    Lookout lookout(bout);
    std::optional<Message> request;
    while (lookout.wait([&] { return (request = ring->consumer().take()).has_value(); })) {
      const Ball caught = ball_in(*request);
      ring->consumer().reply(bytes_of(caught));
      if (caught.is_last != 0) return;
    }
  };
  if (auto ran = run_pair(bout, near, far); !ran) return tl::unexpected(ran.error());
  if (score.samples_cycles.empty()) return lost("an answer");
  return score;
}

// One way, at random moments.
class RandomArrival {
 public:
  explicit RandomArrival(const Bout& bout) : bout_(bout) {}

  // False when there is no room for ever: the other side has gone.
  bool send(RingProducer& to, std::uint64_t seed) const {
    Lookout lookout(bout_);
    RandomGaps gaps(bout_, seed);
    const TscInstant until = TscClock::now() + bout_.clock.cycles(bout_.duration / 2);
    for (std::uint64_t round = 0;; ++round) {
      const TscInstant at = gaps.pass();
      Ball thrown = ball(round);
      thrown.is_last = (at >= until && round > 2 * kWarmUp) || bout_.stop.stop_requested() ? 1 : 0;
      thrown.sent = TscClock::now().reading();
      if (!lookout.wait([&] { return to.push_value(thrown); })) return false;
      if (thrown.is_last != 0) return true;
    }
  }

  // No samples when a message is missing or broken.
  std::vector<std::uint64_t> receive(RingConsumer& from) const {
    std::vector<std::uint64_t> samples;
    samples.reserve(kSamplesMax);
    Lookout lookout(bout_);
    Ball caught{};
    for (std::uint64_t round = 0; lookout.wait([&] { return from.pop_value(caught); }); ++round) {
      const TscInstant now = TscClock::now();
      if (caught.round != round || !caught.is_whole()) return {};
      if (caught.is_last != 0) return samples;
      if (round >= kWarmUp && samples.size() < kSamplesMax) {
        samples.push_back((now - TscInstant(caught.sent)).count());
      }
    }
    return {};
  }

 private:
  const Bout& bout_;
};

Result<Score> one_way(const Bout& bout) {
  auto there = new_ring();
  auto back = new_ring();
  if (!there || !back) return tl::unexpected((there ? back : there).error());
  const RandomArrival arrival(bout);
  Score score;
  std::vector<std::uint64_t> others;
  const auto near = [&] {
    if (arrival.send(there->producer(), bout.seed)) {
      score.samples_cycles = arrival.receive(back->consumer());
    }
  };
  const auto far = [&] {
    others = arrival.receive(there->consumer());
    (void)arrival.send(back->producer(), bout.seed + 1);
  };
  if (auto ran = run_pair(bout, near, far); !ran) return tl::unexpected(ran.error());
  if (score.samples_cycles.empty() || others.empty()) return lost("a message");
  score.samples_cycles = pool_evenly(std::move(score.samples_cycles), others);
  return score;
}

Result<ni::Endpoint> polled_endpoint(ni::Interface& interface) {
  return interface.open_endpoint({.notify = "poll/pause"});
}

// One application thread sends to itself through the dedicated NI thread: two hops.
Result<Score> through_the_ni_thread(const Bout& bout) {
  auto interface = ni::Interface::start({.placement = Placement::at(bout.cpus)});
  if (!interface) return tl::unexpected(interface.error());
  auto self = polled_endpoint(*interface);
  if (!self) return tl::unexpected(self.error());
  Score score;
  const auto near = [&] {
    Lookout lookout(bout);
    score.samples_cycles = play(bout, [&](const Ball& thrown) {
      if (!self->send(self->address(), bytes_of(thrown))) return false;
      ni::Received message;
      return lookout.wait([&] { return bool(message = self->try_receive()); }) &&
             ball_in(*message).round == thrown.round && ball_in(*message).is_whole();
    });
  };
  auto thread = threads::PinnedThread::start({.name = "near", .cpu = bout.cpus.receiver}, near);
  if (!thread) return tl::unexpected(thread.error());
  thread->join();
  if (score.samples_cycles.empty()) return lost("a message");
  return score;
}

// Two threads, each the NI of its own sends.
Result<Score> through_the_ni_in_the_call(const Bout& bout) {
  auto interface = ni::Interface::start({.drive = ni::Drive::in_the_call});
  if (!interface) return tl::unexpected(interface.error());
  auto near_end = polled_endpoint(*interface);
  auto far_end = polled_endpoint(*interface);
  if (!near_end || !far_end) return tl::unexpected((near_end ? far_end : near_end).error());
  Score score;
  const auto near = [&] {
    Lookout lookout(bout);
    score.samples_cycles = play(bout, [&](const Ball& thrown) {
      if (!near_end->send(far_end->address(), bytes_of(thrown))) return false;
      ni::Received message;
      return lookout.wait([&] { return bool(message = near_end->try_receive()); }) &&
             ball_in(*message).round == thrown.round && ball_in(*message).is_whole();
    });
  };
  const auto far = [&] {
    Lookout lookout(bout);
    for (;;) {
      ni::Received message;
      if (!lookout.wait([&] { return bool(message = far_end->try_receive()); })) return;
      const Ball caught = ball_in(*message);
      if (!far_end->send(near_end->address(), bytes_of(caught)) || caught.is_last != 0) return;
    }
  };
  if (auto ran = run_pair(bout, near, far); !ran) return tl::unexpected(ran.error());
  if (score.samples_cycles.empty()) return lost("a message");
  return score;
}

constexpr std::array kContenders = {
    Contender{"ring", sizeof(Ball), ring_polled_with_pause},
    Contender{"ring, no pause", sizeof(Ball), ring_polled_without_pause},
    Contender{"ring, one way at random arrival", sizeof(Ball), one_way},
    Contender{"ring, call answered in its own line", sizeof(Ball), call},
    Contender{"NI thread, loopback to oneself", sizeof(Ball), through_the_ni_thread},
    Contender{"NI in the call", sizeof(Ball), through_the_ni_in_the_call},
};

}  // namespace

Result<Findings> pingpong(const Request& request) {
  return hold({.contenders = kContenders, .figures = latency_figures}, request);
}

}  // namespace smtni::experiments
