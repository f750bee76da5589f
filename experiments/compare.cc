#include "experiments/compare.h"

#include <algorithm>
#include <random>

#include "core/clock_offset.h"
#include "experiments/compare_cell.h"
#include "experiments/compare_figures.h"
#include "experiments/ground.h"

namespace smtni::experiments {
namespace {

// Counting takes some 50 ms, to take the counter out of the kernel again: not in a smoke run.
constexpr Nanoseconds kCountedLeast{1'000'000};
constexpr Nanoseconds kIdle{20'000'000};

Conditions conditions_of(const Request& request, const NamedPlacement& placement,
                         std::uint64_t seed, bool first_time) {
  return {
      .cpus = placement.cpus,
      .clock = request.clock,
      .duration = request.effort.duration,
      .idle = std::min(kIdle, request.effort.duration),
      .seed = seed,
      .counts_system_calls = first_time && request.effort.duration >= kCountedLeast,
      .stop = request.stop,
  };
}

struct Campaign {
  std::vector<Ground> grounds;  // one for each placement
  std::vector<Cell> cells;
};

Campaign open_campaign(const Request& request) {
  Campaign campaign;
  for (const NamedPlacement& placement : request.placements) {
    campaign.grounds.emplace_back(placement, request);
    for (const std::string& mechanism : request.mechanisms) {
      campaign.cells.emplace_back(mechanism, placement);
    }
  }
  return campaign;
}

// One repetition of everything, cells and floors in one random order.
void repeat(Campaign& campaign, const Request& request, int repetition, std::mt19937_64& random) {
  std::vector<std::size_t> order(campaign.cells.size() + campaign.grounds.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  shuffle(order, random);
  for (const std::size_t index : order) {
    if (request.stop.stop_requested()) return;
    if (index >= campaign.cells.size()) {
      Ground& ground = campaign.grounds[index - campaign.cells.size()];
      request.progress->step("floor, " + ground.placement().name);
      ground.measure(request);
      continue;
    }
    Cell& cell = campaign.cells[index];
    request.progress->step(cell.mechanism() + ", " + cell.placement().name);
    if (!cell.is_open()) continue;
    const Conditions conditions =
        conditions_of(request, cell.placement(), random(), repetition == 0);
    cell.add(measure_once(cell.mechanism(), conditions), request.clock);
  }
}

// The receiver's counter minus the notifier's: a systematic error of every latency.
Field clock_offset_of(const Ground& ground, const Request& request) {
  const RoleCpus& cpus = ground.placement().cpus;
  const std::string key = ground.key("clock_offset_ns");
  const auto offset = measure_clock_offset(cpus.ni, cpus.receiver);
  if (!offset) return {key, Absent{offset.error().what}};
  const double ns_per_cycle = request.clock.nanoseconds(TscCycles(1));
  const double value = static_cast<double>(offset->cycles) * ns_per_cycle;
  const double uncertainty = request.clock.nanoseconds(offset->uncertainty);
  return {key, Estimate{.value = value, .low = value - uncertainty, .high = value + uncertainty}};
}

const Cell* find_cell(const std::vector<Cell>& cells, std::string_view mechanism,
                      const NamedPlacement& placement) {
  for (const Cell& cell : cells) {
    if (cell.mechanism() == mechanism && &cell.placement() == &placement) return &cell;
  }
  return nullptr;
}

Findings findings_of(const Campaign& campaign, const Request& request) {
  Findings findings;
  for (const Ground& ground : campaign.grounds) {
    findings.measured.push_back(ground.field(request.seed));
    findings.measured.push_back(clock_offset_of(ground, request));
    const Cell* signal = find_cell(campaign.cells, "signal/running", ground.placement());
    const Yardsticks yardsticks{
        .floors_ns = ground.floors_ns(),
        .signals_ns = signal == nullptr ? std::span<const double>{} : signal->medians_ns(),
        .seed = request.seed,
    };
    for (const Cell& cell : campaign.cells) {
      if (&cell.placement() == &ground.placement()) findings.rows.push_back(cell.row(yardsticks));
    }
  }
  // Said once: a thread that may not be pinned runs elsewhere, and all of them do.
  for (const Row& row : findings.rows) {
    if (const Value* note = find_value(row.figures, "note")) {
      findings.measured.push_back({"note", *note});
      break;
    }
  }
  return findings;
}

}  // namespace

Result<Findings> compare(const Request& request) {
  Campaign campaign = open_campaign(request);
  const auto repetitions = static_cast<std::uint64_t>(request.effort.repetitions);
  request.progress->begin(repetitions * (campaign.cells.size() + campaign.grounds.size()));
  std::mt19937_64 random(request.seed);
  for (int repetition = 0; repetition < request.effort.repetitions; ++repetition) {
    repeat(campaign, request, repetition, random);
  }
  return findings_of(campaign, request);
}

}  // namespace smtni::experiments
