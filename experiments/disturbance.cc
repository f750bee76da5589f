#include "experiments/disturbance.h"

#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "core/cache_sizes.h"
#include "core/stores.h"
#include "experiments/disturbance_levels.h"
#include "experiments/disturbance_rounds.h"
#include "experiments/ground.h"
#include "experiments/statistics.h"
#include "experiments/working_set.h"

namespace smtni::experiments {
namespace {

// A size of the working set, and the cache level that holds it.
struct Set {
  std::string_view name;
  Bytes (*size)(const CacheSizes& caches);
  int level;
};

constexpr std::array kSets = {
    Set{"half-l1d", [](const CacheSizes& caches) { return caches.l1d / 2; }, 1},
    Set{"l1d", [](const CacheSizes& caches) { return caches.l1d; }, 1},
    Set{"half-l2", [](const CacheSizes& caches) { return caches.l2 / 2; }, 2},
    Set{"most-of-l2", [](const CacheSizes& caches) { return 7 * (caches.l2 / 8); }, 2},
};

constexpr std::array kStores = {Stores::cached, Stores::streaming, Stores::demoted};

// All repetitions of one kind of stores with one set.
struct Cell {
  const CacheLevels* caches;
  Stores stores;
  const Set* set;
  std::vector<Disturbance> scores = {};
  std::optional<Error> trouble = std::nullopt;

  [[nodiscard]] std::string name() const {
    return std::string(name_of(stores)) + ", " + std::string(set->name);
  }
};

Result<Disturbance> measure(const Cell& cell, const Request& request, std::uint64_t seed) {
  if (auto can = check(cell.stores); !can) return tl::unexpected(can.error());
  const auto& sizes = cell.caches->sizes();
  if (!sizes) return tl::unexpected(sizes.error());
  auto set = WorkingSet::create(cell.set->size(*sizes), seed);
  if (!set) return tl::unexpected(set.error());
  const Bout bout{.cpus = cell.caches->placement().cpus,
                  .clock = request.clock,
                  .duration = request.effort.duration,
                  .seed = seed,
                  .stop = request.stop};
  const auto kib = static_cast<std::uint64_t>(request.option("payload"));
  return measure_disturbance(bout, {.stores = cell.stores, .payload = kib * kKiB}, *set);
}

void add_measurement(Cell& cell, const Request& request, std::uint64_t seed) {
  if (cell.trouble) return;
  auto measured = measure(cell, request, seed);
  if (measured) {
    cell.scores.push_back(*measured);
  } else {
    cell.trouble = std::move(measured.error());
  }
}

Estimate divided(Estimate estimate, double by) {
  return {estimate.value / by, estimate.low / by, estimate.high / by};
}

Row row_of(const Cell& cell, const Request& request) {
  Row row{.mechanism = cell.name(),
          .placement = cell.caches->placement().name,
          .status = Status::ok,
          .reason = {},
          .figures = {}};
  if (cell.trouble) {
    const bool unsupported = cell.trouble->kind == Error::Kind::unsupported;
    row.status = unsupported ? Status::unsupported : Status::failed;
    row.reason = cell.trouble->what;
    return row;
  }
  const auto all = [&](double Disturbance::*member) {
    std::vector<double> values;
    values.reserve(cell.scores.size());
    for (const Disturbance& score : cell.scores) values.push_back(score.*member);
    return values;
  };
  const auto estimate = [&](double Disturbance::*member) {
    return median_estimate(all(member), {.seed = request.seed});
  };
  const Estimate extra = estimate(&Disturbance::extra_ns);
  const auto refill_ns = cell.caches->refill_ns(cell.set->level);
  row.figures = {
      {"stores", std::string(name_of(cell.stores))},
      {"set", std::string(cell.set->name)},
      {"set_bytes", static_cast<std::int64_t>(cell.set->size(*cell.caches->sizes()).count())},
      {"silent_pass_ns", estimate(&Disturbance::silent_ns)},
      {"extra_ns", extra},
      {"control_ns", estimate(&Disturbance::control_ns)},
      {"refilled_lines_count", refill_ns
                                   ? Value(divided(extra, *refill_ns))
                                   : Value(Absent{"no difference between two levels was seen"})},
      {"repetition_extra_ns", all(&Disturbance::extra_ns)},
  };
  return row;
}

}  // namespace

Result<Findings> disturbance(const Request& request) {
  std::vector<CacheLevels> caches(request.placements.begin(), request.placements.end());
  std::vector<Cell> cells;
  for (const CacheLevels& at : caches) {
    for (const Set& set : kSets) {
      for (const Stores stores : kStores) cells.push_back({&at, stores, &set});
    }
  }

  std::vector<std::size_t> order(cells.size() + caches.size());
  for (std::size_t index = 0; index < order.size(); ++index) order[index] = index;
  request.progress->begin(static_cast<std::uint64_t>(request.effort.repetitions) * order.size());
  std::mt19937_64 random(request.seed);
  for (int repetition = 0; repetition < request.effort.repetitions; ++repetition) {
    shuffle(order, random);
    for (const std::size_t index : order) {
      if (request.stop.stop_requested()) return Findings{};
      if (index < cells.size()) {
        request.progress->step(cells[index].name());
        add_measurement(cells[index], request, random());
      } else {
        request.progress->step("cache levels");
        caches[index - cells.size()].measure(request, random());
      }
    }
  }

  Findings findings;
  for (const CacheLevels& at : caches) at.add_fields(findings.measured, request.seed);
  for (const Cell& cell : cells) findings.rows.push_back(row_of(cell, request));
  return findings;
}

}  // namespace smtni::experiments
