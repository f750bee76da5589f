#pragma once

#include <sched.h>
#include <sys/resource.h>
#include <time.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "experiments/compare_figures.h"
#include "experiments/compare_link.h"
#include "experiments/compare_loss.h"
#include "experiments/compare_notifier.h"
#include "experiments/compare_receiver.h"
#include "experiments/compare_tally.h"
#include "threads/pinned_thread.h"

/// \file
/// One pass: a mechanism is opened, a notifier and a receiver run until the exchange ends, and both
/// are joined. Everything is made anew for each pass, so that passes are independent.
namespace smtni::experiments {

/// The most messages that a pass of this length can send.
[[nodiscard]] inline std::size_t messages_max(const Conditions& conditions) {
  return conditions.duration.count() / kGapLeast.count() + 2 * kWarmUpMessages;
}

[[nodiscard]] inline notify::Options options_of(const Conditions& conditions) {
  // One context, on the receiver's processor: so a placement means the same for every role.
  return {.context_cpus = {conditions.cpus.contexts.front()}};
}

/// Per cent of one processor that this process burns in `span`, while only `wait` runs.
template <class Wait>
double cpu_percent_during(Wait wait) {
  const auto cpu_time = [] {
    timespec now{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
  };
  const double cpu_before = cpu_time();
  const auto before = std::chrono::steady_clock::now();
  wait();
  const std::chrono::duration<double, std::nano> passed = std::chrono::steady_clock::now() - before;
  return 100 * (cpu_time() - cpu_before) / passed.count();
}

/// Runs both sides on their processors and joins them. The receiver's trouble is told first: the
/// notifier's follows from it.
template <class Receive, class Send>
Result<void> run_both(Exchange& exchange, const Conditions& conditions, Receive receive, Send send,
                      NotifierLog& log, std::string& note) {
  Result<void> received;
  auto notifier =
      threads::PinnedThread::start({.name = "notifier", .cpu = conditions.cpus.ni}, send);
  if (!notifier) return tl::unexpected(notifier.error());
  auto receiver = threads::PinnedThread::start(
      {.name = "receiver", .cpu = conditions.cpus.receiver}, [&] { received = receive(); });
  if (!receiver) {
    exchange.end();
    notifier->join();
    return tl::unexpected(receiver.error());
  }
  notifier->join();
  receiver->join();
  note = notifier->note().empty() ? receiver->note() : notifier->note();
  if (!received) return received;
  if (!log.trouble.empty()) return failure(Error::Kind::timed_out, log.trouble);
  return {};
}

/// What one pass with random gaps gave.
struct Pass {
  Exchange exchange;
  NotifierLog log;
  Tally notifier_tally;
  Tally receiver_tally;
  Result<double> idle_cpu_percent = failure(Error::Kind::unsupported, "not measured");
  std::string note;

  explicit Pass(const Conditions& conditions)
      : exchange(messages_max(conditions), conditions.shares_cpu()) {}
};

template <class Link>
void notify_with_gaps(Link& link, Pass& pass, const Conditions& conditions) {
  if (conditions.counts_system_calls) pass.notifier_tally.begin();
  send_with_gaps(link, pass.exchange, conditions, messages_max(conditions), pass.log);
  if (conditions.counts_system_calls) pass.notifier_tally.end();
}

/// A receiver that has a thread: it waits or computes.
template <class M>
Result<void> run_pass(Link<M>& link, Pass& pass, const Conditions& conditions) {
  const auto receive = [&]() -> Result<void> {
    if (conditions.counts_system_calls) pass.receiver_tally.begin();
    Result<void> received;
    if constexpr (M::kInfo.role == notify::Role::waits) {
      received = receive_waiting(link, pass.exchange);
    } else {
      received = receive_branching(link, pass.exchange, conditions.shares_cpu());
    }
    if (conditions.counts_system_calls) pass.receiver_tally.end();
    if constexpr (M::kInfo.role == notify::Role::waits) {
      const std::chrono::nanoseconds idle(conditions.idle.count());
      if (received && idle.count() > 0 && !conditions.stop.stop_requested()) {
        const auto has_news = [&link]() noexcept { return link.has_news(); };
        pass.idle_cpu_percent =
            cpu_percent_during([&] { (void)link.mechanism().wait(has_news, in(idle)); });
      }
    }
    return received;
  };
  return run_both(
      pass.exchange, conditions, receive, [&] { notify_with_gaps(link, pass, conditions); },
      pass.log, pass.note);
}

/// A computation for an evicting mechanism to take the context from.
template <class M>
struct Background {
  Exchange* exchange;
  bool shares_cpu;

  static void run(void* self, const void*) {
    const auto* background = static_cast<Background*>(self);
    threads::Chain chain;
    while (!background->exchange->has_ended()) {
      chain.advance();
      M::safepoint();
      if (background->shares_cpu && chain.advances() % kAdvancesBeforeYield == 0) ::sched_yield();
    }
  }
};

/// A receiver that is started for each message.
template <notify::SpawnMechanism M>
Result<void> run_pass(Link<M>& link, Pass& pass, const Conditions& conditions) {
  Arrival<Link<M>> arrival{&link, &pass.exchange};
  const notify::Entry entry{&Arrival<Link<M>>::spawn, &arrival, "compare"};
  Background<M> background{&pass.exchange, conditions.shares_cpu()};
  const Armed armed(link, entry);
  if (!armed.result()) return armed.result();
  if constexpr (notify::EvictingMechanism<M>) {
    const notify::Entry computation{&Background<M>::run, &background, "compare background"};
    if (auto occupied = link.mechanism().occupy(computation); !occupied) {
      pass.exchange.end();
      return occupied;
    }
  }
  pass.exchange.set_ready();
  auto notifier = threads::PinnedThread::start({.name = "notifier", .cpu = conditions.cpus.ni},
                                               [&] { notify_with_gaps(link, pass, conditions); });
  if (!notifier) {
    pass.exchange.end();
    return tl::unexpected(notifier.error());
  }
  notifier->join();
  pass.note = notifier->note();
  if (!pass.log.trouble.empty()) return failure(Error::Kind::timed_out, pass.log.trouble);
  if constexpr (!notify::EvictingMechanism<M>) {
    const timespec idle{0, static_cast<long>(conditions.idle.count())};
    if (idle.tv_nsec > 0 && !conditions.stop.stop_requested()) {
      pass.idle_cpu_percent = cpu_percent_during([&] { ::nanosleep(&idle, nullptr); });
    }
  }
  return {};
}

}  // namespace smtni::experiments
