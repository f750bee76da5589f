#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "core/tsc_clock.h"
#include "core/units.h"
#include "experiments/compare_exchange.h"

/// \file
/// What the notifier's thread does in `compare`: the NI's part, in the thread itself.
namespace smtni::experiments {

/// Gaps between messages are drawn from this range, the same for all mechanisms: random, so that
/// nothing locks in step, and longer than the longest spin before a mechanism parks, so that what
/// can sleep does.
inline constexpr Nanoseconds kGapLeast{30'000};
inline constexpr Nanoseconds kGapMost{70'000};

/// Not recorded: they warm up the code, the line and the branch predictor.
inline constexpr std::size_t kWarmUpMessages = 8;

struct NotifierLog {
  std::vector<std::uint64_t> costs;  ///< cycles from before placing to after notifying
  std::uint64_t sent = 0;            ///< the last message, which ends the exchange, included
  std::string trouble;               ///< one line; empty: every message was handled
};

/// Sends a message and waits until it is handled. False, with the trouble in `log`, when it is not.
/// What is timed: RDTSC, LFENCE, place, notify, RDTSCP.
template <class Link>
bool act(Link& link, Exchange& exchange, NotifierLog& log) {
  const TscInstant before = TscClock::begin();
  const bool notified = link.send(before, patience_from_now());
  const TscInstant after = TscClock::end();
  ++log.sent;
  if (!notified) {
    log.trouble = "message " + std::to_string(log.sent) + " found no free context for 10 s";
    return false;
  }
  if (log.costs.size() < log.costs.capacity()) log.costs.push_back((after - before).count());
  if (exchange.await_handled(log.sent)) return true;
  log.trouble = "message " + std::to_string(log.sent) + " was not handled within 10 s";
  return false;
}

/// Ends the exchange: by a last message, or at once when an earlier one was lost.
template <class Link>
void finish(Link& link, Exchange& exchange, NotifierLog& log) {
  if (log.trouble.empty() && link.send(Exchange::kLast, patience_from_now())) {
    ++log.sent;
    if (exchange.await_handled(log.sent)) return;
    log.trouble = "the last message was not handled within 10 s";
  }
  exchange.end();
}

/// Sends for `conditions.duration`, one message after the other, with random gaps between them.
template <class Link>
void send_with_gaps(Link& link, Exchange& exchange, const Conditions& conditions,
                    std::size_t messages_max, NotifierLog& log) {
  log.costs.reserve(messages_max);
  std::mt19937_64 random(conditions.seed);
  const TscCycles least = conditions.clock.cycles(kGapLeast);
  const std::uint64_t spread = conditions.clock.cycles(kGapMost - kGapLeast).count() + 1;
  if (!exchange.await_ready()) log.trouble = "the receiver did not start within 10 s";

  const TscInstant until = TscClock::now() + conditions.clock.cycles(conditions.duration);
  while (log.trouble.empty() && log.sent < messages_max && !conditions.stop.stop_requested()) {
    if (TscClock::now() >= until && log.sent > kWarmUpMessages) break;
    const TscCycles gap = least + TscCycles(random() % spread);
    pass_time(TscClock::now() + gap, conditions.shares_cpu());
    if (!act(link, exchange, log)) break;
  }
  finish(link, exchange, log);
}

}  // namespace smtni::experiments
