// Operations of one thread that come back: what is timed is told in put.cc.
#include <memory>
#include <optional>
#include <utility>

#include "experiments/put_window.h"
#include "threads/pinned_thread.h"

namespace smtni::experiments {
namespace {

// One application thread, its endpoint and two windows: another's memory, and its own.
struct Alone {
  Way way;
  std::uint64_t landing = 0;
  ni::Region landing_region = {};

  Result<void> open(ni::Interface& interface, ni::Address owner) {
    if (auto opened = way.open(interface, owner, Window::kFarSignalAt); !opened) return opened;
    auto registered = interface.register_region(
        std::as_writable_bytes(std::span<std::uint64_t, 1>(&landing, 1)), ni::Rights::local);
    if (!registered) return tl::unexpected(registered.error());
    landing_region = *std::move(registered);
    return {};
  }
};

// What is timed of an operation that comes back: asked for, and seen to have been done upon a word
// that held `value`.
using RoundTrip = bool (*)(ni::Endpoint& self, Alone& alone, std::uint64_t value, Lookout& lookout);

bool fetch_add(ni::Endpoint& self, Alone& alone, std::uint64_t value, Lookout& lookout) {
  if (!self.fetch_add(alone.way.data, 1, {.remote_completion = true})) return false;
  std::optional<ni::Completion> completion;
  return lookout.wait([&] { return (completion = self.poll_completion()).has_value(); }) &&
         completion->status == ni::CompletionStatus::done && completion->value == value;
}

bool get(ni::Endpoint& self, Alone& alone, std::uint64_t value, Lookout& lookout) {
  if (!self.get(ni::slice_of(alone.landing_region, 0, sizeof value), alone.way.data,
                {.remote_completion = true})) {
    return false;
  }
  std::optional<ni::Completion> completion;
  return lookout.wait([&] { return (completion = self.poll_completion()).has_value(); }) &&
         completion->status == ni::CompletionStatus::done && alone.landing == value;
}

bool put_to_oneself(ni::Endpoint& self, Alone& alone, std::uint64_t value, Lookout& lookout) {
  const std::uint64_t next = value + 1;
  const std::uint64_t signal = signal_of(next, next, false);
  return self.put_signal(alone.way.data, bytes_of(next),
                         {.virtual_address = alone.way.signal_address, .value = signal}) &&
         lookout.wait([&] {
           return alone.way.signal->load(std::memory_order_acquire) == signal;  // [signal]
         }) &&
         // relaxed: [signal] orders it.
         alone.way.window.at(Window::kDataAt).load(std::memory_order_relaxed) == next;
}

// Times `there_and_back` until time is up; `prepare(value)` has the word hold the value, and is not
// timed. No samples when one went wrong.
template <class Prepare>
std::vector<std::uint64_t> time_all(const Bout& bout, ni::Endpoint& self, Alone& alone,
                                    RoundTrip there_and_back, Prepare prepare) {
  std::vector<std::uint64_t> samples;
  samples.reserve(kPutSamplesMax);
  Lookout lookout(bout);
  RandomGaps gaps(bout, bout.seed);
  const TscInstant until = TscClock::now() + bout.clock.cycles(bout.duration);
  for (std::uint64_t round = 1; round <= kPutWarmUp || TscClock::now() < until; ++round) {
    const std::uint64_t value = 2 * round;
    if (!prepare(value)) return {};
    (void)gaps.pass();
    const TscInstant before = TscClock::now();
    if (!there_and_back(self, alone, value, lookout)) return {};
    const TscInstant after = TscClock::end();
    if (round >= kPutWarmUp && samples.size() < kPutSamplesMax) {
      samples.push_back((after - before).count());
    }
  }
  return samples;
}

// The other CPU writes the word before each operation, which takes it from there.
Result<Score> in_the_call(const Bout& bout, RoundTrip there_and_back) {
  const auto alone = std::make_unique<Alone>();
  auto interface = ni::Interface::start({.drive = ni::Drive::in_the_call});
  if (!interface) return tl::unexpected(interface.error());
  auto self = interface->open_endpoint();
  if (!self) return tl::unexpected(self.error());
  if (auto opened = alone->open(*interface, self->address()); !opened) {
    return tl::unexpected(opened.error());
  }
  constexpr std::uint64_t kEnd = ~std::uint64_t{0};
  RoundsSeen wished;  // the value that the far side is to write
  RoundsSeen& written = alone->way.seen;
  Score score;
  const auto near = [&] {
    Lookout lookout(bout);
    score.samples_cycles = time_all(bout, *self, *alone, there_and_back, [&](std::uint64_t value) {
      wished.rounds.store(value, std::memory_order_release);
      // acquire: the word holds the value.
      return lookout.wait([&] { return written.rounds.load(std::memory_order_acquire) == value; });
    });
    wished.rounds.store(kEnd, std::memory_order_release);
  };
  const auto far = [&] {
    Lookout lookout(bout);
    std::uint64_t value = 0;
    std::uint64_t last = 0;
    const auto is_wished = [&] {
      value = wished.rounds.load(std::memory_order_acquire);
      return value != std::exchange(last, value);
    };
    while (lookout.wait(is_wished) && value != kEnd) {
      // relaxed: ordered by the release below.
      alone->way.window.at(Window::kDataAt).store(value, std::memory_order_relaxed);
      written.rounds.store(value, std::memory_order_release);
    }
  };
  if (auto ran = run_pair(bout, near, far); !ran) return tl::unexpected(ran.error());
  if (score.samples_cycles.empty()) return lost_operation();
  return score;
}

Result<Score> through_the_ni_thread(const Bout& bout, RoundTrip there_and_back) {
  if (bout.shares_cpu()) {
    return failure(Error::Kind::unsupported,
                   "this placement has no CPU for the NI thread beside the application's");
  }
  const auto alone = std::make_unique<Alone>();
  auto interface = ni::Interface::start({.placement = Placement::at(bout.cpus)});
  if (!interface) return tl::unexpected(interface.error());
  auto self = interface->open_endpoint();
  if (!self) return tl::unexpected(self.error());
  if (auto opened = alone->open(*interface, self->address()); !opened) {
    return tl::unexpected(opened.error());
  }
  Score score;
  const auto near = [&] {
    score.samples_cycles = time_all(bout, *self, *alone, there_and_back, [&](std::uint64_t value) {
      // relaxed: the send buffer orders it before the NI looks.
      alone->way.window.at(Window::kDataAt).store(value, std::memory_order_relaxed);
      return true;
    });
  };
  auto thread = threads::PinnedThread::start({.name = "near", .cpu = bout.cpus.receiver}, near);
  if (!thread) return tl::unexpected(thread.error());
  thread->join();
  if (score.samples_cycles.empty()) return lost_operation();
  return score;
}

}  // namespace

Result<Score> get_in_the_call(const Bout& bout) { return in_the_call(bout, get); }
Result<Score> add_in_the_call(const Bout& bout) { return in_the_call(bout, fetch_add); }
Result<Score> put_through_the_thread(const Bout& bout) {
  return through_the_ni_thread(bout, put_to_oneself);
}
Result<Score> get_through_the_thread(const Bout& bout) { return through_the_ni_thread(bout, get); }
Result<Score> add_through_the_thread(const Bout& bout) {
  return through_the_ni_thread(bout, fetch_add);
}

}  // namespace smtni::experiments
