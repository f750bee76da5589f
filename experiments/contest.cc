#include "experiments/contest.h"

#include <sched.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <random>

#include "core/histogram.h"
#include "experiments/ground.h"
#include "experiments/statistics.h"
#include "threads/pinned_thread.h"

namespace smtni::experiments {
namespace {

constexpr std::chrono::seconds kPatience{10};

// All repetitions of one contender at one placement.
struct Corner {
  const Contender* contender;
  const NamedPlacement* placement;
  std::vector<Score> scores;
  std::optional<Error> trouble;
};

void measure(Corner& corner, const Request& request, std::uint64_t seed) {
  if (corner.trouble) return;
  auto score = corner.contender->measure({.cpus = corner.placement->cpus,
                                          .clock = request.clock,
                                          .duration = request.effort.duration,
                                          .seed = seed,
                                          .stop = request.stop,
                                          .request = &request});
  if (score) {
    corner.scores.push_back(*std::move(score));
  } else {
    corner.trouble = std::move(score.error());
  }
}

Row row_of(const Corner& corner, const Contest& contest, const Ground& ground,
           const Request& request) {
  Row row{.mechanism = std::string(corner.contender->name),
          .placement = corner.placement->name,
          .status = Status::ok,
          .reason = {},
          .figures = {}};
  if (corner.trouble) {
    const bool unsupported = corner.trouble->kind == Error::Kind::unsupported;
    row.status = unsupported ? Status::unsupported : Status::failed;
    row.reason = corner.trouble->what;
  } else if (!corner.scores.empty()) {
    row.figures = contest.figures(*corner.contender, corner.scores, ground.floors_ns(), request);
  }
  return row;
}

}  // namespace

Latencies latencies_of(std::span<const Score> scores, const TscClock& clock, Samples samples) {
  constexpr std::uint64_t kHighest = std::uint64_t{1} << 36U;  // 10 s and more
  Histogram pooled(kHighest);
  Latencies latencies;
  const double ns_per_cycle = clock.nanoseconds(TscCycles(1));
  for (const Score& score : scores) {
    if ((score.*samples).empty()) continue;
    Histogram own(kHighest);
    for (const std::uint64_t cycles : score.*samples) own.record(cycles);
    pooled.merge(own);
    latencies.medians_ns.push_back(static_cast<double>(own.percentile(50)) * ns_per_cycle);
  }
  const auto at = [&](double percent) {
    return static_cast<double>(pooled.percentile(percent)) * ns_per_cycle;
  };
  latencies.pooled_ns = {.p50 = at(50),
                         .p90 = at(90),
                         .p99 = at(99),
                         .p999 = at(99.9),
                         .max = static_cast<double>(pooled.max()) * ns_per_cycle,
                         .count = pooled.count()};
  return latencies;
}

std::vector<std::uint64_t> pool_evenly(std::vector<std::uint64_t> there,
                                       std::span<const std::uint64_t> back) {
  const std::size_t count = std::min(there.size(), back.size());
  there.resize(count);
  const auto as_many = back.first(count);
  there.insert(there.end(), as_many.begin(), as_many.end());
  return there;
}

Fields latency_figures(const Contender& contender, std::span<const Score> scores,
                       std::span<const double> floors_ns, const Request& request) {
  const Latencies latencies = latencies_of(scores, request.clock);
  const std::vector<double>& medians_ns = latencies.medians_ns;
  if (medians_ns.empty()) return {{"latency_ns", Absent{"no message was timed"}}};
  Fields figures;
  figures.push_back({"payload_bytes", static_cast<std::int64_t>(contender.payload_bytes)});
  figures.push_back({"latency_ns", latencies.pooled_ns});
  figures.push_back({"median_latency_ns", median_estimate(medians_ns, {.seed = request.seed})});
  figures.push_back({"repetition_median_latencies_ns", medians_ns});
  if (floors_ns.empty()) {
    figures.push_back({"latency_to_floor_ratio", Absent{"no floor at this placement"}});
  } else {
    figures.push_back({"latency_to_floor_ratio",
                       ratio_estimate({.numerators = medians_ns, .denominators = floors_ns},
                                      {.seed = request.seed})});
  }
  return figures;
}

Findings hold(const Contest& contest, const Request& request) {
  std::vector<Ground> grounds;
  std::vector<Corner> corners;
  for (const NamedPlacement& placement : request.placements) {
    grounds.emplace_back(placement, request);
    for (const Contender& contender : contest.contenders) {
      corners.push_back({&contender, &placement, {}, std::nullopt});
    }
  }

  std::vector<std::size_t> order(corners.size() + grounds.size());
  for (std::size_t index = 0; index < order.size(); ++index) order[index] = index;
  request.progress->begin(static_cast<std::uint64_t>(request.effort.repetitions) * order.size());
  std::mt19937_64 random(request.seed);
  for (int repetition = 0; repetition < request.effort.repetitions; ++repetition) {
    shuffle(order, random);
    for (const std::size_t index : order) {
      if (request.stop.stop_requested()) return {};
      if (index < corners.size()) {
        request.progress->step(corners[index].contender->name);
        measure(corners[index], request, random());
      } else {
        request.progress->step("floor");
        grounds[index - corners.size()].measure(request);
      }
    }
  }

  Findings findings;
  for (const Ground& ground : grounds) {
    findings.measured.push_back(ground.field(request.seed));
    for (const Corner& corner : corners) {
      if (corner.placement != &ground.placement()) continue;
      findings.rows.push_back(row_of(corner, contest, ground, request));
    }
  }
  return findings;
}

bool Lookout::rest(std::uint32_t look) {
  if (stop_.stop_requested()) return false;
  if (look == rest_every_) until_ = in(kPatience);
  if (has_passed(until_)) return false;
  ::sched_yield();
  return true;
}

TscInstant RandomGaps::pass() {
  const TscInstant end = TscClock::now() + TscCycles(least_ + random_() % spread_);
  while (TscClock::now() < end) {
    if (shares_cpu_) ::sched_yield();
  }
  return end;
}

Result<void> run_pair(const Bout& bout, const std::function<void()>& near,
                      const std::function<void()>& far) {
  auto far_thread = threads::PinnedThread::start({.name = "far", .cpu = bout.cpus.ni}, far);
  if (!far_thread) return tl::unexpected(far_thread.error());
  auto near_thread =
      threads::PinnedThread::start({.name = "near", .cpu = bout.cpus.receiver}, near);
  if (!near_thread) return tl::unexpected(near_thread.error());
  return {};  // both join here
}

}  // namespace smtni::experiments
