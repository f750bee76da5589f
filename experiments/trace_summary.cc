#include "experiments/trace_summary.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "core/expect.h"
#include "notify/mechanisms.h"

namespace smtni::experiments {
namespace {

// What the operating system does for a mechanism.
struct SystemPart {
  bool notifies = false;  // it is called to notify, and delivers
  bool returns = false;   // and brings the receiver back to what it did
};

SystemPart system_part_of(std::string_view mechanism) {
  if (mechanism == "signal/running" || mechanism == "kernel/poll-page") return {true, true};
  const bool notifies = mechanism.starts_with("kernel/") || mechanism.starts_with("signal/") ||
                        mechanism == "lock-table/park" || mechanism == "spawn/os-thread";
  return {notifies, false};
}

notify::Role role_of(std::string_view mechanism) {
  for (const notify::MechanismInfo& info : notify::all_mechanism_infos()) {
    if (info.name == mechanism) return info.role;
  }
  return notify::Role::waits;
}

struct Who {
  ni::Drive drive;
  notify::Role role;
  SystemPart system;
};

// A stage of one message; or why there is none.
struct Interval {
  Actor actor = Actor::sender;
  Stamp from;
  Stamp to;
  std::string_view absent = {};
};

// When the message left the sender's hands: the NI may take it before send() has returned.
Stamp handed_over(const Journey& journey) {
  return std::min(journey.sender.sent, journey.ni.fetched,
                  [](const Stamp& a, const Stamp& b) { return a.at < b.at; });
}

Interval interval_of(Stage stage, const Journey& journey, const Who& who) {
  const auto& [sender, ni, receiver] = journey;
  const bool in_the_call = who.drive == ni::Drive::in_the_call;
  const bool by_system = who.system.notifies;
  switch (stage) {
    case Stage::compose:
      return {Actor::sender, sender.composing, sender.sending};
    case Stage::doorbell:
      return {Actor::sender, sender.sending, handed_over(journey)};
    case Stage::fetch:
      if (in_the_call) return {Actor::ni, {}, {}, "none: the NI reads the sender's own memory"};
      return {Actor::ni, handed_over(journey), ni.fetched};
    case Stage::wire:
      return {Actor::wire, ni.fetched, ni.arrived};
    case Stage::translate:
      return {Actor::ni, ni.arrived, ni.prepared};
    case Stage::place:
      return {Actor::ni, ni.prepared, ni.notifying};
    case Stage::record:
      return {Actor::ni, {}, {}, "within place: the same store ends both"};
    case Stage::notify:
      return {by_system ? Actor::system_of_ni : Actor::ni, ni.notifying, ni.notified};
    case Stage::delivery:
      return {by_system ? Actor::system_of_receiver : Actor::receiver, ni.notifying,
              receiver.began};
    case Stage::handler:
      return {Actor::receiver, receiver.began, receiver.ended};
    case Stage::back:
      if (who.role == notify::Role::spawns) {
        return {Actor::receiver, {}, {}, "none: a context has nothing to return to"};
      }
      return {who.system.returns ? Actor::system_of_receiver : Actor::receiver, receiver.ended,
              receiver.returned};
  }
  return {};
}

TscCycles total_of(const Journey& journey, const Who& who) {
  const Stamp& end =
      who.role == notify::Role::spawns ? journey.receiver.ended : journey.receiver.returned;
  return end.at - journey.sender.composing.at;
}

Distribution distribution_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const auto at = [&](double part) {
    return values[static_cast<std::size_t>(part * static_cast<double>(values.size() - 1))];
  };
  return {.p50 = at(0.5),
          .p90 = at(0.9),
          .p99 = at(0.99),
          .p999 = at(0.999),
          .max = values.back(),
          .count = values.size()};
}

const Journey& median_journey(std::span<const Journey> journeys, const Who& who) {
  std::vector<const Journey*> order;
  order.reserve(journeys.size());
  for (const Journey& journey : journeys) order.push_back(&journey);
  const auto middle = order.begin() + static_cast<std::ptrdiff_t>((order.size() - 1) / 2);
  std::nth_element(order.begin(), middle, order.end(), [&](const Journey* a, const Journey* b) {
    return total_of(*a, who) < total_of(*b, who);
  });
  return **middle;
}

}  // namespace

Timeline summarise(std::span<const Journey> journeys, const TraceSubject& subject,
                   double ns_per_cycle) {
  SMTNI_EXPECT(!journeys.empty());
  const Who who{subject.drive, role_of(subject.mechanism), system_part_of(subject.mechanism)};
  const auto ns = [ns_per_cycle](TscCycles cycles) {
    return static_cast<double>(cycles.count()) * ns_per_cycle;
  };
  const Journey& shown = median_journey(journeys, who);
  Timeline timeline{
      .mechanism = subject.mechanism,
      .placement = subject.placement,
      .ni = subject.drive == ni::Drive::dedicated ? "a thread of its own" : "in the sender's call",
      .total_ns = ns(total_of(shown, who))};
  std::vector<double> values(journeys.size());
  for (std::size_t index = 0; index < kStageNames.size(); ++index) {
    const auto stage = static_cast<Stage>(index);
    const Interval own = interval_of(stage, shown, who);
    StageTime time{.stage = stage, .actor = own.actor, .absent = std::string(own.absent)};
    if (own.absent.empty()) {
      time.cpu = own.to.cpu;
      time.start_ns = ns(own.from.at - shown.sender.composing.at);
      time.duration_ns = ns(own.to.at - own.from.at);
      std::transform(journeys.begin(), journeys.end(), values.begin(), [&](const Journey& one) {
        const Interval interval = interval_of(stage, one, who);
        return ns(interval.to.at - interval.from.at);
      });
      time.all_ns = distribution_of(values);
      if (time.all_ns.p50 == 0 && time.duration_ns == 0) {
        time.absent = "not seen: over before the stage before it";
      }
    }
    timeline.stages.push_back(std::move(time));
  }
  std::transform(journeys.begin(), journeys.end(), values.begin(),
                 [&](const Journey& one) { return ns(total_of(one, who)); });
  timeline.total_all_ns = distribution_of(values);
  return timeline;
}

}  // namespace smtni::experiments
