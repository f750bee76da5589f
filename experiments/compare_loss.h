#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "experiments/compare_notifier.h"
#include "experiments/compare_receiver.h"

/// \file
/// The receiver's loss: the time for which a computation did not advance, per notification. Windows
/// with and without notifications alternate within one run; the notifier spins in both. Each pair
/// of windows gives one value, so that slow changes of the machine cancel.
namespace smtni::experiments {

struct Windows {
  TscCycles length;
  TscCycles period;  ///< from one notification to the next
  std::size_t pairs;

  /// A pair is in turn silent first and silent last.
  [[nodiscard]] static bool notifies(std::size_t window) noexcept {
    return window % 4 == 1 || window % 4 == 2;
  }
  [[nodiscard]] std::size_t count() const noexcept { return 2 * pairs; }
  [[nodiscard]] TscInstant begin_of(std::size_t window, TscInstant start) const noexcept {
    return start + window * length;
  }
};

/// The receiver's work at the boundaries of the windows: one mark more than there are windows.
struct WorkMark {
  TscInstant time;
  std::uint64_t advances;
  TscCycles late;  ///< behind the boundary
};

/// Computes until the last window has passed and the exchange has ended.
template <class Link>
Result<void> compute_in_windows(Link& link, Exchange& exchange, const Windows& windows,
                                std::vector<WorkMark>& marks) {
  marks.reserve(windows.count() + 1);
  Arrival<Link> arrival{&link, &exchange};
  const notify::Handler handler{&Arrival<Link>::branch, &arrival, "compare"};
  const Armed armed(link, handler);
  if (!armed.result()) {
    exchange.end();
    return armed.result();
  }
  exchange.set_ready();
  const TscInstant start = exchange.await_start();
  threads::Chain chain;
  constexpr int kAdvancesPerReading = 8;  // a reading costs about as much as one advance
  while (!exchange.has_ended()) {
    for (int i = 0; i < kAdvancesPerReading; ++i) link.mechanism().compute(chain);
    const TscInstant now = TscClock::now();
    const TscInstant boundary = windows.begin_of(marks.size(), start);
    if (marks.size() <= windows.count() && now >= boundary) {
      marks.push_back({now, chain.advances(), now - boundary});
    }
  }
  return {};
}

/// Sends in the windows that notify, and only spins in the others. Counts the messages of each.
template <class Link>
void send_in_windows(Link& link, Exchange& exchange, const Windows& windows,
                     const Conditions& conditions, NotifierLog& log,
                     std::vector<std::uint64_t>& sent) {
  sent.assign(windows.count(), 0);
  if (!exchange.await_ready()) log.trouble = "the receiver did not start within 10 s";
  const TscInstant start = TscClock::now() + windows.length;  // the first lets the receiver warm up
  exchange.start_at(start);
  for (std::size_t window = 0; window < windows.count() && log.trouble.empty(); ++window) {
    if (conditions.stop.stop_requested()) break;
    const TscInstant end = windows.begin_of(window + 1, start);
    TscInstant next = windows.begin_of(window, start);
    while (windows.notifies(window) && next + windows.period < end) {
      pass_time(next, conditions.shares_cpu());
      if (TscClock::now() + windows.period > end) break;
      if (!act(link, exchange, log)) break;
      ++sent[window];
      next = next + windows.period;
    }
    pass_time(end, conditions.shares_cpu());
  }
  // The receiver's mark of the last boundary comes first.
  pass_time(TscClock::now() + windows.period, conditions.shares_cpu());
  finish(link, exchange, log);
}

/// Cycles of work lost per notification, one value for each pair of whole windows. A pair is not
/// whole when the receiver came to one of its boundaries more than `late_most` late: then it was
/// not on its processor, and which window its work belongs to is not known.
[[nodiscard]] std::vector<double> losses_of(const std::vector<WorkMark>& marks,
                                            const std::vector<std::uint64_t>& sent,
                                            TscCycles late_most);

}  // namespace smtni::experiments
