#pragma once

#include <sched.h>

#include <cstdint>

#include "core/result.h"
#include "core/tsc_clock.h"
#include "experiments/compare_exchange.h"
#include "notify/mechanism.h"
#include "threads/chain.h"

/// \file
/// What the receiver does in `compare`, by the mechanism's role, until the exchange ends.
/// Whoever cannot go on ends the exchange and tells why.
namespace smtni::experiments {

/// The time stamp is the first thing after wait() returns.
template <class Link>
Result<void> receive_waiting(Link& link, Exchange& exchange) {
  exchange.set_ready();
  const auto has_news = [&link]() noexcept { return link.has_news(); };
  while (!exchange.has_ended()) {
    const notify::Wake wake = link.mechanism().wait(has_news, patience_from_now());
    const TscInstant arrival = TscClock::end();
    if (wake == notify::Wake::timed_out) {
      exchange.end();
      return failure(Error::Kind::timed_out, "a wait reached its deadline of 10 s");
    }
    exchange.arrived(link, arrival);
  }
  return {};
}

/// What a handler or a spawned context needs to find.
template <class Link>
struct Arrival {
  Link* link;
  Exchange* exchange;

  /// The time stamp is the handler's first instruction.
  static void branch(void* self, TscInstant) {
    const TscInstant arrival = TscClock::end();
    auto* to = static_cast<Arrival*>(self);
    to->exchange->arrived(*to->link, arrival);
  }
  static void spawn(void* self, const void*) { branch(self, TscInstant{}); }
};

/// Armed for as long as it lives.
template <class Link>
class Armed {
 public:
  template <class Code>
  Armed(Link& link, const Code& code) : link_(link), result_(link.arm(code)) {}
  Armed(const Armed&) = delete;
  Armed& operator=(const Armed&) = delete;
  ~Armed() {
    if (result_) link_.disarm();
  }
  [[nodiscard]] const Result<void>& result() const noexcept { return result_; }

 private:
  Link& link_;
  Result<void> result_;
};

/// On a shared processor a computation that kept it would delay the notifier by a time slice.
inline constexpr std::uint64_t kAdvancesBeforeYield = 1024;

/// Computes, and branches when notified.
template <class Link>
Result<void> receive_branching(Link& link, Exchange& exchange, bool shares_cpu) {
  Arrival<Link> arrival{&link, &exchange};
  const notify::Handler handler{&Arrival<Link>::branch, &arrival, "compare"};
  const Armed armed(link, handler);
  if (!armed.result()) {
    exchange.end();
    return armed.result();
  }
  exchange.set_ready();
  threads::Chain chain;
  while (!exchange.has_ended()) {
    link.mechanism().compute(chain);
    if (shares_cpu && chain.advances() % kAdvancesBeforeYield == 0) ::sched_yield();
  }
  return {};
}

}  // namespace smtni::experiments
