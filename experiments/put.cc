#include "experiments/put.h"

#include <memory>
#include <utility>

#include "experiments/put_window.h"

// What is timed. A put, one way: RDTSC before the call and RDTSCP on the other CPU once the signal
// was seen and the data, which holds the first reading, was read; as many of each direction are
// pooled (pool_evenly()). A get or fetch_add, and a put to oneself through the NI thread: RDTSC
// before the call and RDTSCP once the value has been seen, on the same CPU. RDTSCP waits for the
// loads before it: else the time of those whose values are guessed right would be left out. All
// come at random moments, each after the one before it has been seen: that is told through a line
// of its own, outside of what is timed. Every value is checked. Excluded: the first rounds of each
// bout.
//
// Real: the caches that the words travel through. Emulated: the NI, by the sender's call or by a
// thread; its translation and its checks are done, and part of the time. Absent: a bus.
namespace smtni::experiments {
namespace {

// Puts at random moments until half of the time is over. False when one was refused, or not seen.
bool put_all(const Bout& bout, ni::Endpoint& from, Way& way, std::uint64_t seed) {
  Lookout lookout(bout);
  RandomGaps gaps(bout, seed);
  const TscInstant until = TscClock::now() + bout.clock.cycles(bout.duration / 2);
  for (std::uint64_t round = 1;; ++round) {
    const TscInstant at = gaps.pass();
    const bool is_last = (at >= until && round > 2 * kPutWarmUp) || bout.stop.stop_requested();
    const std::uint64_t sent = TscClock::now().reading();
    if (!from.put_signal(
            way.data, bytes_of(sent),
            {.virtual_address = way.signal_address, .value = signal_of(sent, round, is_last)})) {
      return false;
    }
    // acquire: the next put comes after the receiver has read this one's data.
    if (!lookout.wait([&] { return way.seen.rounds.load(std::memory_order_acquire) == round; })) {
      return false;
    }
    if (is_last) return true;
  }
}

// No samples when a put is missing or broken.
std::vector<std::uint64_t> watch(const Bout& bout, Way& way) {
  std::vector<std::uint64_t> samples;
  samples.reserve(kPutSamplesMax);
  Lookout lookout(bout);
  std::uint64_t signal = 0;
  for (std::uint64_t round = 1;; ++round) {
    const std::uint64_t before = signal;
    // [signal] acquire (ni/internal/remote_memory.cc): the put's data is there.
    if (!lookout.wait(
            [&] { return (signal = way.signal->load(std::memory_order_acquire)) != before; })) {
      return {};
    }
    // relaxed: [signal] orders it.
    const std::uint64_t sent = way.window.at(Window::kDataAt).load(std::memory_order_relaxed);
    const TscInstant now = TscClock::end();  // the data has come
    const bool is_last = (signal & kLast) != 0;
    if (signal != signal_of(sent, round, is_last)) return {};
    way.seen.rounds.store(round, std::memory_order_release);
    if (is_last) return samples;
    if (round >= kPutWarmUp && samples.size() < kPutSamplesMax) {
      samples.push_back((now - TscInstant(sent)).count());
    }
  }
}

Result<Score> put_one_way(const Bout& bout, std::size_t signal_at) {
  const auto there = std::make_unique<Way>();
  const auto back = std::make_unique<Way>();
  auto interface = ni::Interface::start({.drive = ni::Drive::in_the_call});
  if (!interface) return tl::unexpected(interface.error());
  auto near_end = interface->open_endpoint();
  auto far_end = interface->open_endpoint();
  if (!near_end || !far_end) return tl::unexpected((near_end ? far_end : near_end).error());
  if (auto opened = there->open(*interface, far_end->address(), signal_at); !opened) {
    return tl::unexpected(opened.error());
  }
  if (auto opened = back->open(*interface, near_end->address(), signal_at); !opened) {
    return tl::unexpected(opened.error());
  }
  Score score;
  std::vector<std::uint64_t> others;
  const auto near = [&] {
    if (put_all(bout, *near_end, *there, bout.seed)) score.samples_cycles = watch(bout, *back);
  };
  const auto far = [&] {
    others = watch(bout, *there);
    (void)put_all(bout, *far_end, *back, bout.seed + 1);
  };
  if (auto ran = run_pair(bout, near, far); !ran) return tl::unexpected(ran.error());
  if (score.samples_cycles.empty() || others.empty()) return lost_operation();
  score.samples_cycles = pool_evenly(std::move(score.samples_cycles), others);
  return score;
}

Result<Score> in_one_line(const Bout& bout) { return put_one_way(bout, Window::kNearSignalAt); }
Result<Score> in_two_lines(const Bout& bout) { return put_one_way(bout, Window::kFarSignalAt); }

constexpr std::array kContenders = {
    Contender{"put, data and signal in one line", sizeof(Word), in_one_line},
    Contender{"put, data and signal in two lines", sizeof(Word), in_two_lines},
    Contender{"get, there and back", sizeof(Word), get_in_the_call},
    Contender{"fetch_add, there and back", sizeof(Word), add_in_the_call},
    Contender{"NI thread, put to oneself", sizeof(Word), put_through_the_thread},
    Contender{"NI thread, get", sizeof(Word), get_through_the_thread},
    Contender{"NI thread, fetch_add", sizeof(Word), add_through_the_thread},
};

}  // namespace

Result<Findings> put(const Request& request) {
  return hold({.contenders = kContenders, .figures = latency_figures}, request);
}

}  // namespace smtni::experiments
