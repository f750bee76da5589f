#include "experiments/disturbance_rounds.h"

#include <array>
#include <atomic>
#include <utility>
#include <vector>

#include "core/expect.h"
#include "core/message_ring.h"
#include "experiments/statistics.h"

// What is timed: a pass of the receiver over its working set (working_set.h), after three passes
// that warm it and an arrival: the NI pushes the payload into a message cache, where it stays
// unread. Every such pass stands between two controls, before which the NI does nothing when asked;
// `extra` is its time less the mean of theirs, and `control` their difference, which should be
// nothing. With same-cpu the receiver's own CPU does the NI's stores, in a call, so that both use
// one CPU's caches and no switch of threads disturbs them too.
//
// Looked at in the machine code: the timed region is RDTSC and LFENCE, three instructions a line (a
// load, a count, a branch), and RDTSCP.
//
// The NI copies each message from the same 4 KiB, so what it reads displaces little.
namespace smtni::experiments {
namespace {

constexpr std::size_t kMessage = 4096;
constexpr std::uint64_t kLinesOfMessage = RingMemory::lines_of(kMessage);
constexpr int kWarmPasses = 3;
constexpr std::size_t kMostRounds = 4096;

// The message cache and what the NI puts into it.
class Delivery {
 public:
  Delivery(MessageRing cache, std::uint64_t messages)
      : cache_(std::move(cache)), messages_(messages), payload_(kMessage, std::byte{1}) {}

  static Result<Delivery> create(const Arriving& arriving) {
    const std::uint64_t messages = (arriving.payload.count() + kMessage - 1) / kMessage;
    // Room for all, and for what is skipped at the ring's end.
    const Bytes room((messages + 1) * kLinesOfMessage * kCacheLine);
    return MessageRing::create(room, {.stores = arriving.stores}).map([&](MessageRing cache) {
      return Delivery(std::move(cache), messages);
    });
  }

  // THREADS: the NI's.
  void place() noexcept {
    for (std::uint64_t count = 0; count < messages_; ++count) {
      const bool pushed = cache_.producer().push(payload_);
      SMTNI_EXPECT(pushed);
    }
  }

  // Gives all back without reading a payload. THREADS: the receiver's.
  void drain() noexcept {
    while (cache_.consumer().take()) cache_.consumer().release();
    cache_.consumer().give_room();
  }

 private:
  MessageRing cache_;
  std::uint64_t messages_;
  std::vector<std::byte> payload_;
};

// How the receiver asks the NI for an arrival.
//
//   [ask]   the receiver stores asked, release -> the NI loads it, acquire
//   [done]  the NI stores done, release        -> the receiver loads it, acquire
class Bell {
 public:
  enum class Wish : std::uint64_t { silence, arrival, end };

  // Returns once the NI has done it; at an end, at once. False when that will not happen.
  bool ask(Wish wish, Lookout& lookout) noexcept {
    asked_number_ += kWishes;
    // [ask] release.
    asked_.store(asked_number_ + static_cast<std::uint64_t>(wish), std::memory_order_release);
    if (wish == Wish::end) return true;
    // [done] acquire: what the NI stored has been stored.
    return lookout.wait([&] { return done_.load(std::memory_order_acquire) == asked_number_; });
  }

  void serve(Delivery& delivery, Lookout& lookout) noexcept {
    std::uint64_t done = 0;
    std::uint64_t asked = 0;
    for (;;) {
      // [ask] acquire: what the receiver gave back may be written again.
      const auto has_asked = [&] {
        return (asked = asked_.load(std::memory_order_acquire)) >= done + kWishes;
      };
      if (!lookout.wait(has_asked)) return;
      const auto wish = static_cast<Wish>(asked % kWishes);
      if (wish == Wish::end) return;
      if (wish == Wish::arrival) delivery.place();
      done = asked - asked % kWishes;
      // [done] release.
      done_.store(done, std::memory_order_release);
    }
  }

 private:
  static constexpr std::uint64_t kWishes = 4;

  std::uint64_t asked_number_ = 0;                          // the receiver's
  alignas(kLinePair) std::atomic<std::uint64_t> asked_{0};  // written by the receiver
  alignas(kLinePair) std::atomic<std::uint64_t> done_{0};   // written by the NI
};

struct Rounds {
  std::vector<double> silent_ns;
  std::vector<double> extra_ns;
  std::vector<double> control_ns;

  Rounds() {
    for (auto* list : {&silent_ns, &extra_ns, &control_ns}) list->reserve(kMostRounds);
  }
};

// The receiver's part. `arrive(wish)` has the NI do something, and tells whether it did.
template <class Arrive>
void measure_rounds(const Bout& bout, WorkingSet& set, Delivery& delivery, Rounds& rounds,
                    Arrive arrive) {
  const TscInstant until = TscClock::now() + bout.clock.cycles(bout.duration);
  do {
    std::array<double, 3> pass_ns{};
    for (std::size_t turn = 0; turn < pass_ns.size(); ++turn) {
      for (int pass = 0; pass < kWarmPasses; ++pass) set.pass();
      if (!arrive(turn == 1 ? Bell::Wish::arrival : Bell::Wish::silence)) return;
      pass_ns[turn] = bout.clock.nanoseconds(set.timed_pass());
      delivery.drain();
    }
    const double silent_ns = (pass_ns[0] + pass_ns[2]) / 2;
    rounds.silent_ns.push_back(silent_ns);
    rounds.extra_ns.push_back(pass_ns[1] - silent_ns);
    rounds.control_ns.push_back(pass_ns[2] - pass_ns[0]);
  } while (TscClock::now() < until && rounds.extra_ns.size() < kMostRounds);
}

}  // namespace

Result<Disturbance> measure_disturbance(const Bout& bout, const Arriving& arriving,
                                        WorkingSet& set) {
  auto created = Delivery::create(arriving);
  if (!created) return tl::unexpected(created.error());
  Delivery& delivery = *created;
  Rounds rounds;
  Bell bell;
  const auto alone = [&] {
    measure_rounds(bout, set, delivery, rounds, [&](Bell::Wish wish) {
      if (wish == Bell::Wish::arrival) delivery.place();
      return true;
    });
  };
  const auto near = [&] {
    Lookout lookout(bout);
    measure_rounds(bout, set, delivery, rounds,
                   [&](Bell::Wish wish) { return bell.ask(wish, lookout); });
    (void)bell.ask(Bell::Wish::end, lookout);
  };
  const auto far = [&] {
    Lookout lookout(bout);
    bell.serve(delivery, lookout);
  };
  const auto ran = bout.shares_cpu() ? run_pair(bout, alone, [] {}) : run_pair(bout, near, far);
  if (!ran) return tl::unexpected(ran.error());
  if (rounds.extra_ns.empty()) return failure(Error::Kind::timed_out, "the NI did not answer");
  return Disturbance{median(rounds.silent_ns), median(rounds.extra_ns), median(rounds.control_ns)};
}

}  // namespace smtni::experiments
