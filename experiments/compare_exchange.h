#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "core/cpu.h"
#include "core/deadline.h"
#include "core/placement.h"
#include "core/tsc_clock.h"
#include "core/units.h"

namespace smtni::experiments {

/// Under what conditions one mechanism is measured once.
struct Conditions {
  RoleCpus cpus;
  TscClock clock;
  Nanoseconds duration;  ///< of the timed messages
  Nanoseconds idle;      ///< of the wait in which nothing comes
  std::uint64_t seed;
  bool counts_system_calls;  ///< as well: in a pass of its own, for counting slows them down
  std::stop_token stop;

  /// Then both sides give the processor away at once instead of spinning.
  [[nodiscard]] bool shares_cpu() const noexcept { return cpus.ni == cpus.receiver; }
};

/// Far beyond any honest wake-up: a wait that lasts as long has been lost.
inline constexpr Nanoseconds kPatience{10'000'000'000};

[[nodiscard]] inline Deadline patience_from_now() noexcept {
  return in(std::chrono::nanoseconds(kPatience.count()));
}

/// What the notifier's and the receiver's thread share beside the link.
///
/// Edges:
///   [ready]   the receiver is armed; the notifier may begin.
///   [handle]  the receiver has taken message n and has recorded it; the notifier may send n + 1.
///   [end]     the receiver has seen the last message, or the notifier has given up.
///   [start]   the time at which the windows of a loss measurement begin.
class Exchange {
 public:
  /// REQUIRES: no more than `messages_max` messages are recorded.
  Exchange(std::size_t messages_max, bool shares_cpu);

  /// What the receiver does first when a notification has reached it at `arrival`.
  /// THREADS: the receiver; also in a signal handler: it allocates nothing.
  template <class Link>
  void arrived(Link& link, TscInstant arrival) noexcept {
    while (link.has_news()) {
      const TscInstant sent = link.take();
      if (sent == kLast) {
        end();
      } else if (latencies_.size() < latencies_.capacity()) {
        latencies_.push_back((arrival - sent).count());
      }
      // Relaxed: the receiver alone writes it. [handle] release.
      handled_.store(handled_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    }
  }

  /// THREADS: the notifier. False when the receiver has not handled `count` messages in time.
  [[nodiscard]] bool await_handled(std::uint64_t count) noexcept;

  void set_ready() noexcept { ready_.store(true, std::memory_order_release); }  // [ready]
  [[nodiscard]] bool await_ready() noexcept;

  void end() noexcept { ended_.store(true, std::memory_order_release); }  // [end]
  [[nodiscard]] bool has_ended() const noexcept {
    return ended_.load(std::memory_order_acquire);  // [end]
  }

  void start_at(TscInstant time) noexcept {
    start_.store(time.reading(), std::memory_order_release);  // [start]
  }
  /// Zero when the notifier gives up first.
  [[nodiscard]] TscInstant await_start() const noexcept;

  /// The system calls by which the notifier gave its processor away in the two waits above: they
  /// are the measurement's, not the mechanism's. REQUIRES: both threads have been joined.
  [[nodiscard]] std::uint64_t notifier_yields() const noexcept { return notifier_yields_; }

  /// The cycles of each message in the order of arrival. REQUIRES: both threads have been joined.
  [[nodiscard]] const std::vector<std::uint64_t>& latencies() const noexcept { return latencies_; }

  /// The stamp of a message that ends the exchange.
  static constexpr TscInstant kLast{};

 private:
  // Written by the receiver, polled by the notifier.
  alignas(kLinePair) std::atomic<std::uint64_t> handled_{0};
  // Written seldom.
  alignas(kLinePair) std::atomic<bool> ready_{false};
  std::atomic<bool> ended_{false};
  std::atomic<std::uint64_t> start_{0};
  const bool shares_cpu_;
  // The notifier's own.
  alignas(kLinePair) std::uint64_t notifier_yields_ = 0;
  // The receiver's own.
  alignas(kLinePair) std::vector<std::uint64_t> latencies_;
};

/// Lets time pass: spins, or on a shared processor lets the other side run.
void pass_time(TscInstant until, bool shares_cpu) noexcept;

}  // namespace smtni::experiments
