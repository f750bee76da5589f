#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "core/ring_consumer.h"
#include "core/spin_lock.h"
#include "ni/internal/records.h"
#include "ni/internal/spill.h"
#include "notify/binding.h"

namespace smtni::ni {

/// Starts a context for each message of one message cache (paper, section 3.2, third mechanism): on
/// an idle or an evicted context, else on a thread that the operating system is asked for. A
/// message stays in the cache while its context runs; contexts may end in any order, and the cache
/// is released in the order of arrival.
///
/// Nothing is lost when no context can be had: the message waits, and the next context that ends
/// goes on with it. When all have ended and none is idle yet, nobody would: then dispatch() says
/// so, and whoever called it tries again, without the lock in between.
///
/// A context that ends leaves only a mark in its own claim, so that the NI and the contexts write
/// no line in common while contexts are to be had.
///
/// Edges:
///   [ended]  a context stores has_ended; whoever then uses the claim or releases its message loads
///            it with acquire
///   [defer]  the NI stores is_deferring_, then looks for a claim that has not ended; a context
///            stores has_ended, then looks at is_deferring_. All four are sequentially consistent,
///            so at least one of the two sees the other, and the message is taken on
///            (tests/model/spawner_model_test.cc).
///
/// THREADS: every member but the contexts' own code runs under the port's inlet lock.
class Spawner {
 public:
  struct Counts {
    std::uint64_t started = 0;     ///< contexts started by the mechanism
    std::uint64_t continued = 0;   ///< messages taken on by a context that had ended its own
    std::uint64_t os_threads = 0;  ///< contexts that the operating system was asked for
    std::uint64_t deferred = 0;    ///< messages that no context could be had for at their turn

    /// Messages that contexts have taken.
    [[nodiscard]] std::uint64_t taken() const noexcept { return started + continued + os_threads; }

    void add(const Counts& other) noexcept {
      started += other.started;
      continued += other.continued;
      os_threads += other.os_threads;
      deferred += other.deferred;
    }
  };

  using Entry = std::function<void(const Message&)>;

  /// Brings messages back that lie behind a full cache; false when it brought none.
  using Refill = std::function<bool()>;

  /// `fallback`, `records` and `refill` may be null. REQUIRES: both bindings' role is `spawns`; all
  /// outlive this.
  Spawner(RingConsumer& cache, SpinLock& inlet, Entry entry, std::string name,
          notify::Binding& contexts, notify::Binding* fallback, Records* records = nullptr,
          const Spill* spill = nullptr, Refill refill = {});
  Spawner(const Spawner&) = delete;
  Spawner& operator=(const Spawner&) = delete;

  /// What the bindings are to be armed with.
  [[nodiscard]] notify::Entry entry() noexcept;

  /// Asks for the line that the next start will write.
  void prepare() noexcept { prefetch_for_write(&claim_at(next_)); }

  /// Gives back to the cache what contexts are done with.
  void release_ended() noexcept;

  /// Starts contexts for what is in the cache. False: a message waits that no running context will
  /// take on, so call this again soon.
  [[nodiscard]] bool dispatch() noexcept;

  /// From here on a context that ends takes nothing more. What none was had for goes back to the
  /// cache.
  void stop() noexcept;

  [[nodiscard]] const Counts& counts() const noexcept { return counts_; }

 private:
  // A message that has been taken from the cache for a context. Written by the NI, read by the
  // context, which then writes has_ended.
  struct alignas(kCacheLine) Claim {
    Message message;
    std::atomic<bool> has_ended{true};
  };
  static_assert(sizeof(Claim) == kCacheLine);

  static constexpr std::uint64_t kClaims = 256;
  // Claims that may have ended before the NI looks: each look at one is a line transfer.
  static constexpr std::uint64_t kReleaseAfter = 16;

  static void run(void* spawner, const void* claim);
  Claim& claim_at(std::uint64_t number) noexcept { return claims_[number % kClaims]; }
  [[nodiscard]] bool is_full() const noexcept { return next_ - first_ == kClaims; }
  Claim* claim_next() noexcept;
  [[nodiscard]] bool has_spilled() const noexcept {
    return spill_ != nullptr && spill_->size() != 0;
  }
  bool start(const Claim& claim) noexcept;
  bool start_on_record(const Claim& claim) noexcept;
  void record(const Claim& claim, const notify::Binding& method,
              notify::Fallback fallback) noexcept;
  bool leave_to_a_context() noexcept;
  // The context's next claim, or null: it may become idle.
  Claim* end(Claim& claim) noexcept;

  RingConsumer& cache_;
  SpinLock& inlet_;
  Entry entry_;
  std::string name_;
  notify::Binding& contexts_;
  notify::Binding* fallback_;
  Records* records_;
  const Spill* spill_;
  Refill refill_;
  std::array<Claim, kClaims> claims_;
  std::uint64_t first_ = 0;   // oldest claim that is not released
  std::uint64_t next_ = 0;    // number of the next claim
  Claim* waiting_ = nullptr;  // the newest claim, when no context could be had for it
  bool is_stopping_ = false;
  Counts counts_;
  // Written by the NI when it defers; read by every context that ends.
  alignas(kLinePair) std::atomic<bool> is_deferring_{false};
};

}  // namespace smtni::ni
