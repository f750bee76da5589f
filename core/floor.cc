#include "core/floor.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <random>
#include <string>
#include <vector>

#include "core/cpu.h"
#include "core/deadline.h"
#include "core/internal/pinned_pair.h"
#include "core/tsc_clock.h"

namespace smtni {
namespace {

using internal::PinnedPair;
using internal::spin_until;

constexpr std::uint64_t kWarmUpTrips = 16;
constexpr std::uint32_t kMostPairsOrTrips = 100'000;

// Two adjacent lines, of which the first is used: prefetchers fetch lines in such pairs. 4 MiB in
// all, so that lines are drawn from a thousand pages and every slice of the cache.
constexpr std::size_t kBlocks = 32 * 1024;
struct alignas(2 * kCacheLine) Block {
  std::atomic<std::uint64_t> word{0};
};
static_assert(sizeof(Block) == 2 * kCacheLine);

// FloorOptions::Lines as types.
struct TwoLines {
  using Pause = internal::NoPause;
  static constexpr std::uint64_t kAnswer = 0;  ///< pong minus ping
};
struct OneLine {
  using Pause = internal::OnePause;
  static constexpr std::uint64_t kAnswer = 1;
};

struct LinePair {
  std::atomic<std::uint64_t>* ping;
  std::atomic<std::uint64_t>* pong;
};

/// What one measurement does. A round trip has two numbers, n and n + 1, that are never used again,
/// so that nothing left in a line by an earlier one is mistaken for news. The ping is n; the pong
/// is n too, or n + 1 where both go through one word.
struct Plan {
  std::vector<LinePair> pairs;
  std::uint64_t first;  ///< number of the first round trip
  std::uint64_t trips;  ///< of each pair
  Deadline until;
};

// All operations on words are relaxed: nothing but the word itself is communicated.
template <class Lines>
void answer_all(const Plan& plan) noexcept {
  std::uint64_t number = plan.first;
  for (const LinePair& pair : plan.pairs) {
    for (std::uint64_t trip = 0; trip < plan.trips; ++trip, number += 2) {
      const auto asked = [&] { return pair.ping->load(std::memory_order_relaxed) == number; };
      if (!spin_until<typename Lines::Pause>(asked, plan.until)) return;
      pair.pong->store(number + Lines::kAnswer, std::memory_order_relaxed);
    }
  }
}

// Adds one median a pair; stops when the deadline passes. The clock is read between pairs only, and
// in waits that have become hopeless.
template <class Lines>
void ask_all(const Plan& plan, std::vector<std::uint64_t>& samples,
             std::vector<std::uint64_t>& medians) noexcept {
  std::uint64_t number = plan.first;
  for (const LinePair& pair : plan.pairs) {
    if (has_passed(plan.until)) return;
    std::uint64_t last = 0;
    for (std::uint64_t trip = 0; trip < plan.trips; ++trip, number += 2) {
      const std::uint64_t awaited = number + Lines::kAnswer;
      pair.ping->store(number, std::memory_order_relaxed);
      const auto answered = [&] { return pair.pong->load(std::memory_order_relaxed) == awaited; };
      if (!spin_until<typename Lines::Pause>(answered, plan.until)) return;
      const std::uint64_t now = TscClock::now().reading();
      if (trip >= kWarmUpTrips) samples[trip - kWarmUpTrips] = now - last;
      last = now;
    }
    const auto middle = samples.begin() + static_cast<std::ptrdiff_t>(samples.size() / 2);
    std::nth_element(samples.begin(), middle, samples.end());
    medians.push_back(*middle);  // room was reserved
  }
}

Floor summarise(std::vector<std::uint64_t> medians) {
  std::sort(medians.begin(), medians.end());
  const auto at = [&medians](std::size_t percent) {
    return TscCycles(medians[(medians.size() - 1) * percent / 100]);
  };
  return {.min = at(0),
          .p10 = at(10),
          .p50 = at(50),
          .p90 = at(90),
          .max = at(100),
          .pairs = static_cast<std::uint32_t>(medians.size())};
}

}  // namespace

struct RawPingPong::State {
  State(PinnedPair both_ends, std::uint64_t seed) : threads(std::move(both_ends)), random(seed) {}

  PinnedPair threads;
  std::mt19937_64 random;
  std::vector<Block> blocks = std::vector<Block>(kBlocks);
  std::uint64_t next_number = 1;

  std::vector<LinePair> draw(const FloorOptions& options) {
    std::uniform_int_distribution<std::size_t> any(0, kBlocks - 1);
    std::vector<LinePair> pairs;
    for (std::uint32_t count = 0; count < options.pairs; ++count) {
      const std::size_t ping = any(random);
      std::size_t pong = ping;
      if (options.lines == FloorOptions::Lines::two) {
        pong = (ping + 1 + any(random) % (kBlocks - 1)) % kBlocks;  // any but the same
      }
      pairs.push_back({&blocks[ping].word, &blocks[pong].word});
    }
    return pairs;
  }
};

Result<RawPingPong> RawPingPong::open(int cpu_a, int cpu_b, std::uint64_t seed) {
  if (cpu_a == cpu_b) {
    return failure(Error::Kind::unsupported,
                   "both ends on CPU " + std::to_string(cpu_a) + ": no cache line moves");
  }
  auto threads = PinnedPair::open(cpu_a, cpu_b);
  if (!threads) return tl::unexpected(threads.error());
  return RawPingPong(std::make_unique<State>(*std::move(threads), seed));
}

RawPingPong::RawPingPong(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {}
RawPingPong::RawPingPong(RawPingPong&&) noexcept = default;
RawPingPong& RawPingPong::operator=(RawPingPong&&) noexcept = default;
RawPingPong::~RawPingPong() = default;

Result<Floor> RawPingPong::measure(const FloorOptions& options) {
  for (const std::uint32_t count : {options.pairs, options.round_trips}) {
    if (count == 0 || count > kMostPairsOrTrips) {
      return failure(Error::Kind::invalid,
                     std::to_string(count) + " pairs or round trips; accepted: 1 to 100000");
    }
  }
  const Plan plan{.pairs = state_->draw(options),
                  .first = state_->next_number,
                  .trips = options.round_trips + kWarmUpTrips,
                  .until = in(std::chrono::nanoseconds(options.patience.count()))};
  state_->next_number += 2 * options.pairs * plan.trips;
  std::vector<std::uint64_t> samples(options.round_trips);
  std::vector<std::uint64_t> medians;
  medians.reserve(options.pairs);
  if (options.lines == FloorOptions::Lines::one) {
    state_->threads.run([&] { ask_all<OneLine>(plan, samples, medians); },
                        [&] { answer_all<OneLine>(plan); });
  } else {
    state_->threads.run([&] { ask_all<TwoLines>(plan, samples, medians); },
                        [&] { answer_all<TwoLines>(plan); });
  }
  if (medians.size() < options.pairs) {
    return failure(Error::Kind::timed_out, "only " + std::to_string(medians.size()) + " of " +
                                               std::to_string(options.pairs) +
                                               " pairs of lines ended in time");
  }
  return summarise(std::move(medians));
}

}  // namespace smtni
