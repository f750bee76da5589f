#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/cpu.h"
#include "experiments/contest.h"
#include "ni/interface.h"

/// \file
/// What the contenders of the experiment `put` have in common.
namespace smtni::experiments {

/// Of each bout: samples that are kept, and rounds that are not.
inline constexpr std::size_t kPutSamplesMax = 1 << 18;
inline constexpr std::uint64_t kPutWarmUp = 200;

/// A word that two CPUs and the NI use.
using Word = std::atomic<std::uint64_t>;
static_assert(sizeof(Word) == 8);

/// What others reach: data and, in its line or in another, the signal.
struct alignas(kLinePair) Window {
  static constexpr std::size_t kDataAt = 0;
  static constexpr std::size_t kNearSignalAt = 8;
  static constexpr std::size_t kFarSignalAt = kLinePair;

  std::array<Word, 2 * kLinePair / sizeof(Word)> words{};

  Word& at(std::size_t offset) noexcept { return words[offset / sizeof(Word)]; }
  std::span<std::byte> memory() noexcept { return std::as_writable_bytes(std::span(words)); }
};

/// The signal's value says which round it is and repeats the data, so that old data shows.
inline constexpr std::uint64_t kRounds = (std::uint64_t{1} << 23U) - 1;
inline constexpr std::uint64_t kLast = std::uint64_t{1} << 23U;
constexpr std::uint64_t signal_of(std::uint64_t data, std::uint64_t round, bool is_last) noexcept {
  return data << 24U | (is_last ? kLast : 0) | (round & kRounds);
}

inline tl::unexpected<Error> lost_operation() {
  return failure(Error::Kind::timed_out, "an operation was not done, or not as asked");
}

inline std::span<const std::byte> bytes_of(const std::uint64_t& word) noexcept {
  return std::as_bytes(std::span<const std::uint64_t, 1>(&word, 1));
}

/// One direction: a window, and how far its owner has come.
struct Way {
  Window window;
  RoundsSeen seen;
  ni::Region region = {};
  ni::RemoteAddress data = {};
  std::uint64_t signal_address = 0;
  Word* signal = nullptr;

  Result<void> open(ni::Interface& interface, ni::Address owner, std::size_t signal_at) {
    auto registered = interface.register_region(window.memory(), ni::Rights::remote_read |
                                                                     ni::Rights::remote_write |
                                                                     ni::Rights::remote_atomic);
    if (!registered) return tl::unexpected(registered.error());
    region = *std::move(registered);
    data = {owner, region.key(), region.virtual_address() + Window::kDataAt};
    signal_address = region.virtual_address() + signal_at;
    signal = &window.at(signal_at);
    return {};
  }
};

/// An operation that comes back, by an NI in the call and by a thread; put_round_trips.cc.
Result<Score> get_in_the_call(const Bout& bout);
Result<Score> add_in_the_call(const Bout& bout);
Result<Score> put_through_the_thread(const Bout& bout);
Result<Score> get_through_the_thread(const Bout& bout);
Result<Score> add_through_the_thread(const Bout& bout);

}  // namespace smtni::experiments
