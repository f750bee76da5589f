#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <type_traits>

#include "core/cpu.h"
#include "core/expect.h"
#include "core/result.h"

/// \file
/// How the NI tells a sender that work is complete.
///
/// The queue is an array of entries, two a line, a power of two of them. At position p, a
/// free-running count (p modulo the capacity is the index), an entry's stamp says:
///
///   anything else   nothing here yet: an older lap, or zero
///   p + 1           a completion
///
/// Who writes what: the NI writes entries, in order; the endpoint writes nothing that is shared.
/// Both keep their cursors in private memory.
///
/// Edges:
///
///   [complete]  complete() stores stamp, release  ->  poll() and all_complete() load it, acquire
///   [submit]    the endpoint hands the work over, release  ->  the NI takes it, acquire. Not in
///               this queue: the send buffer's [publish] is one. It orders the endpoint's reading
///               of an entry before the NI's writing of it one lap later, because the entry's
///               position was reserved in between, after the older completion was polled.
///
/// Positions are 64 bits and do not wrap in any machine's lifetime.
namespace smtni::ni {

enum class CompletionStatus : std::uint8_t {
  done,
  refused,  ///< nothing was done at the target; `reason` tells why
};

/// What a completion promises.
enum class CompletionScope : std::uint8_t {
  local,   ///< the source may be used again
  remote,  ///< the bytes are in their final place
};

struct Completion {
  std::uint64_t ticket = 0;    ///< names the work; the sender's choice
  std::uint64_t value = 0;     ///< what an atomic operation found
  std::uint8_t operation = 0;  ///< which operation it was
  CompletionStatus status = CompletionStatus::done;
  std::uint8_t reason = 0;  ///< for `refused`, in the words of whoever refused
  CompletionScope scope = CompletionScope::local;
};
static_assert(sizeof(Completion) == 24 && std::is_trivially_copyable_v<Completion>);

/// From the NI to one endpoint. It never overflows: room is reserved before work begins.
///
///     if (!completions.reserve()) return false;               // would_block
///     if (!send_buffer.push(work)) return completions.cancel(), false;
///     …
///     while (auto completion = completions.poll()) use(*completion);
///
/// THREADS: complete() is the NI's, the rest the endpoint's; each side is one thread at a time.
/// COST: one line transfer for two completions that the endpoint takes together.
class CompletionQueue {
 public:
  static constexpr std::uint32_t kMaxCapacity = 1U << 20;

  /// Room for `capacity` completions, rounded up to a power of two, at least 2. `invalid` outside 1
  /// to kMaxCapacity.
  static Result<CompletionQueue> create(std::uint32_t capacity);

  /// Sets room aside for one completion; false while as many as fit are outstanding.
  [[nodiscard]] bool reserve() noexcept {
    if (outstanding() > mask_) return false;
    ++endpoint_.reserved;
    return true;
  }

  /// Gives the room of one reserve() back. REQUIRES: its work was not handed to the NI.
  void cancel() noexcept {
    SMTNI_EXPECT_HOT(outstanding() > 0);
    --endpoint_.reserved;
  }

  /// REQUIRES: room for it was reserved, and the work came from the endpoint over a [submit] edge.
  void complete(const Completion& completion) noexcept {
    Entry& entry = entry_at(ni_.completed);
    entry.completion = completion;
    // [complete] release: whoever sees the stamp sees the completion, and all that the NI did.
    entry.stamp.store(++ni_.completed, std::memory_order_release);
  }

  /// The oldest completion that has not been polled. Its room may be reserved again.
  [[nodiscard]] std::optional<Completion> poll() noexcept {
    const Entry& entry = entry_at(endpoint_.polled);
    // [complete] acquire
    if (entry.stamp.load(std::memory_order_acquire) != endpoint_.polled + 1) return std::nullopt;
    ++endpoint_.polled;
    return entry.completion;
  }

  /// Completions that were reserved and have not been polled.
  [[nodiscard]] std::uint64_t outstanding() const noexcept {
    return endpoint_.reserved - endpoint_.polled;
  }

  /// Whether the NI has completed all that is reserved. Takes nothing out of the queue.
  [[nodiscard]] bool all_complete() const noexcept {
    if (outstanding() == 0) return true;
    // [complete] acquire: the NI completes in order of positions, so the last stands for all.
    return entry_at(endpoint_.reserved - 1).stamp.load(std::memory_order_acquire) ==
           endpoint_.reserved;
  }

  [[nodiscard]] std::uint64_t capacity() const noexcept { return mask_ + 1; }

 private:
  struct Entry {
    std::atomic<std::uint64_t> stamp{0};
    Completion completion;
  };
  static constexpr std::size_t kEntriesOfLine = 2;

  // Written by the NI, polled by the endpoint.
  struct alignas(kCacheLine) Line {
    std::array<Entry, kEntriesOfLine> entries;
  };
  static_assert(sizeof(Line) == kCacheLine && sizeof(Entry) == kCacheLine / kEntriesOfLine);

  explicit CompletionQueue(std::uint64_t entries);

  [[nodiscard]] Entry& entry_at(std::uint64_t position) const noexcept {
    const std::uint64_t index = position & mask_;
    return lines_[index / kEntriesOfLine].entries[index % kEntriesOfLine];
  }

  std::unique_ptr<Line[]> lines_;
  std::uint64_t mask_;
  // Private to the endpoint's thread.
  struct alignas(kLinePair) {
    std::uint64_t reserved = 0;
    std::uint64_t polled = 0;
  } endpoint_;
  // Private to the NI's.
  struct alignas(kLinePair) {
    std::uint64_t completed = 0;
  } ni_;
};

}  // namespace smtni::ni
