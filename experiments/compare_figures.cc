#include "experiments/compare_figures.h"

#include <algorithm>

#include "experiments/compare_pass.h"
#include "notify/mechanisms.h"

namespace smtni::experiments {
namespace {

// A pair fits in one time slice, so that some pairs are whole even on a busy machine.
constexpr Nanoseconds kWindow{1'000'000};
constexpr Nanoseconds kNotificationPeriod{20'000};
// Enough messages that one stray system call does not show.
constexpr Nanoseconds kCountedDuration{4'000'000};

std::vector<std::uint64_t> without_warm_up(const std::vector<std::uint64_t>& samples) {
  const auto skipped = static_cast<std::ptrdiff_t>(std::min(kWarmUpMessages, samples.size()));
  return {samples.begin() + skipped, samples.end()};
}

Result<double> per_message(const Result<std::uint64_t>& notifier,
                           const Result<std::uint64_t>& receiver, std::uint64_t messages) {
  if (!notifier) return tl::unexpected(notifier.error());
  if (!receiver) return tl::unexpected(receiver.error());
  return static_cast<double>(*notifier + *receiver) / static_cast<double>(messages);
}

template <class M>
Result<void> add_times(const Conditions& conditions, Figures& figures) {
  Conditions timed = conditions;
  timed.counts_system_calls = false;
  auto link = Link<M>::open(options_of(timed));
  if (!link) return tl::unexpected(link.error());
  Pass pass(timed);
  if (auto passed = run_pass(**link, pass, timed); !passed) return passed;
  figures.latency_cycles = without_warm_up(pass.exchange.latencies());
  figures.notifier_cycles = without_warm_up(pass.log.costs);
  figures.idle_cpu_percent = pass.idle_cpu_percent;
  figures.own_counts = (*link)->own_counts();
  figures.note = pass.note;
  return {};
}

template <class M>
Result<void> add_counts(const Conditions& conditions, Figures& figures) {
  if (M::kInfo.role == notify::Role::spawns) {
    figures.system_calls = figures.context_switches = failure(
        Error::Kind::unsupported, "the contexts' threads are the mechanism's own: not counted");
    return {};
  }
  if (conditions.shares_cpu()) {
    figures.system_calls = figures.context_switches = failure(
        Error::Kind::unsupported, "both sides yield their shared processor: those calls count");
    return {};
  }
  Conditions counted = conditions;
  counted.duration = std::min(conditions.duration, kCountedDuration);
  counted.idle = Nanoseconds(0);
  auto link = Link<M>::open(options_of(counted));
  if (!link) return tl::unexpected(link.error());
  Pass pass(counted);
  if (auto passed = run_pass(**link, pass, counted); !passed) return passed;
  const std::uint64_t yields = pass.exchange.notifier_yields();
  const auto own = pass.notifier_tally.system_calls().map(
      [&](std::uint64_t calls) { return calls - std::min(yields, calls); });
  figures.system_calls = per_message(own, pass.receiver_tally.system_calls(), pass.log.sent);
  figures.context_switches = per_message(pass.notifier_tally.context_switches(),
                                         pass.receiver_tally.context_switches(), pass.log.sent);
  return {};
}

template <notify::BranchMechanism M>
Result<void> add_losses(const Conditions& conditions, Figures& figures) {
  const TscClock& clock = conditions.clock;
  const std::uint64_t half = std::max<std::uint64_t>(conditions.duration.count() / 2, 1);
  const Nanoseconds length = std::min(kWindow, Nanoseconds(half));
  const Windows windows{
      .length = clock.cycles(length),
      .period = clock.cycles(kNotificationPeriod),
      .pairs = static_cast<std::size_t>(conditions.duration.count() / (2 * length).count()),
  };
  auto link = Link<M>::open(options_of(conditions));
  if (!link) return tl::unexpected(link.error());
  Exchange exchange(0, conditions.shares_cpu());
  NotifierLog log;
  std::vector<WorkMark> marks;
  std::vector<std::uint64_t> sent;
  std::string note;
  auto ran = run_both(
      exchange, conditions, [&] { return compute_in_windows(**link, exchange, windows, marks); },
      [&] { send_in_windows(**link, exchange, windows, conditions, log, sent); }, log, note);
  if (!ran) return ran;
  figures.loss_cycles = losses_of(marks, sent, windows.length / 20);
  figures.loss_pairs = windows.pairs;
  return ran;
}

template <class M>
Result<Figures> measure(const Conditions& conditions) {
  Figures figures;
  if (auto added = add_times<M>(conditions, figures); !added) return tl::unexpected(added.error());
  if (conditions.counts_system_calls && !conditions.stop.stop_requested()) {
    if (auto added = add_counts<M>(conditions, figures); !added) {
      return tl::unexpected(added.error());
    }
  }
  if constexpr (notify::BranchMechanism<M>) {
    figures.idle_cpu_percent =
        failure(Error::Kind::unsupported, "the receiver computes while nothing comes");
    if (!conditions.shares_cpu() && !conditions.stop.stop_requested()) {
      if (auto added = add_losses<M>(conditions, figures); !added) {
        return tl::unexpected(added.error());
      }
    }
  }
  if constexpr (notify::EvictingMechanism<M>) {
    figures.idle_cpu_percent =
        failure(Error::Kind::unsupported, "the context computes while nothing comes");
  }
  return figures;
}

}  // namespace

Result<Figures> measure_once(std::string_view name, const Conditions& conditions) {
  return notify::with_mechanism(name, [&]<class M>() { return measure<M>(conditions); });
}

std::string_view why_no_loss(std::string_view name, bool shares_cpu) {
  const auto role =
      notify::with_mechanism(name, []<class M>() -> Result<notify::Role> { return M::kInfo.role; });
  if (!role) return "no such mechanism";
  if (*role == notify::Role::waits) return "the receiver waits: it has no work to lose";
  if (*role == notify::Role::spawns) {
    return "a context is started for the message: no receiver computes";
  }
  return shares_cpu ? "the notifier uses the receiver's processor itself" : "";
}

}  // namespace smtni::experiments
