#include "experiments/ni_tlb.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <random>

#include "core/deadline.h"
#include "core/memory.h"
#include "experiments/contest.h"
#include "experiments/statistics.h"
#include "ni/interface.h"
#include "ni/tlb.h"
#include "threads/pinned_thread.h"

// What is timed, in one thread: blocks of 4096 look-ups of 8 bytes, or of as many puts of 8 bytes,
// between two ordered readings of the clock. The access to the region table is taken once a block:
// its lock is part of a put's time and not of a look-up's. The address of each look-up is made of
// the one before, so that two do not overlap; which pages are asked for was drawn before. A page
// of the TLB is a cache line here, so that all memory that is put to lies in the processor's first
// cache, and a row shows the NI's TLB and not the processor's caches. Excluded: the first block.
//
// Real: the TLB and the walk of the region table, in software. Absent: a walk through an operating
// system's page tables, which hardware would make.
namespace smtni::experiments {
namespace {

constexpr std::size_t kLookUps = 4096;
constexpr Bytes kPage{kCacheLine};
constexpr std::uint64_t kMostPages = 4 * 4096;
constexpr std::size_t kSamplesMax = 1 << 14;
constexpr std::chrono::seconds kPatience{10};

enum class Order : std::uint8_t { in_turn, at_random };
enum class What : std::uint8_t { look_up, overlapping, put, stale_key, beyond };

struct Course {
  What what = What::look_up;
  Order order = Order::in_turn;
  std::uint64_t quarters = 0;  // pages, in quarters of the entries; 0: one page
  std::uint64_t ways = 0;      // 0: the option's
};

ni::TlbOptions tlb_of(const Course& course, const Request& request) {
  return {.entries = static_cast<std::size_t>(request.option("entries")),
          .ways = course.ways != 0 ? course.ways : static_cast<std::size_t>(request.option("ways")),
          .page = kPage};
}

std::uint64_t pages_of(const Course& course, const Request& request) {
  const std::uint64_t entries = tlb_of(course, request).entries;
  return course.quarters == 0 ? 1 : std::max<std::uint64_t>(1, entries * course.quarters / 4);
}

// Offsets into the region, one a look-up.
std::vector<std::uint64_t> offsets_of(const Course& course, std::uint64_t pages,
                                      std::uint64_t seed) {
  std::vector<std::uint64_t> offsets(kLookUps);
  std::mt19937_64 random(seed);
  for (std::size_t at = 0; at < kLookUps; ++at) {
    offsets[at] = (course.order == Order::in_turn ? at : random()) % pages * kPage.count();
    if (course.what == What::beyond) offsets[at] += kMostPages * kPage.count();
  }
  return offsets;
}

// Times blocks of `do_all`. False when one went wrong.
template <class DoAll>
bool time_blocks(const Bout& bout, Score& score, DoAll do_all) {
  if (!do_all()) return false;
  const TscInstant until = TscClock::now() + bout.clock.cycles(bout.duration);
  do {
    const TscInstant before = TscClock::begin();
    const bool is_good = do_all();
    const TscInstant after = TscClock::end();
    if (!is_good) return false;
    score.samples_cycles.push_back((after - before).count());
  } while (TscClock::now() < until && score.samples_cycles.size() < kSamplesMax);
  return true;
}

// The part of all look-ups that were hits, of those that were hits or misses.
double hit_ratio(const ni::TlbCounters& before, const ni::TlbCounters& after) {
  const auto hits = static_cast<double>(after.hits - before.hits);
  const auto misses = static_cast<double>(after.misses - before.misses);
  return hits + misses == 0 ? 0 : hits / (hits + misses);
}

// Where an NI has several operations at hand, their look-ups do not wait for each other.
bool look_all_up_at_once(ni::NiTlb& tlb, const ni::RegionTable& table, ni::Want want,
                         std::span<const std::uint64_t> offsets) {
  const ni::RegionTable::Access access(table);
  const std::uint64_t base = want.virtual_address;
  for (const std::uint64_t offset : offsets) {
    want.virtual_address = base + offset;
    const ni::Translation place = tlb.translate(access, want);
    if (!place) return false;
    asm volatile("" : : "r"(*place));  // the address is there
  }
  return true;
}

// The machine code of a hit: the set is computed, the first entry's page, key and epoch are
// compared, then rights and bounds; the use is counted, and the host address added up.
bool look_all_up(ni::NiTlb& tlb, const ni::RegionTable& table, ni::Want want,
                 std::span<const std::uint64_t> offsets) {
  const ni::RegionTable::Access access(table);
  const std::uint64_t base = want.virtual_address;
  std::uint64_t zero = 0;  // made of the last address: bit 63 of a user's address is clear
  for (const std::uint64_t offset : offsets) {
    want.virtual_address = base + offset + zero;
    const ni::Translation place = tlb.translate(access, want);
    if (!place) return false;
    zero = reinterpret_cast<std::uintptr_t>(*place) >> 63U;
  }
  return true;
}

bool refuse_all(ni::NiTlb& tlb, const ni::RegionTable& table, ni::Want want,
                std::span<const std::uint64_t> offsets) {
  const ni::RegionTable::Access access(table);
  const std::uint64_t base = want.virtual_address;
  std::uint64_t zero = 0;  // made of the last fault, which is below 128
  for (const std::uint64_t offset : offsets) {
    want.virtual_address = base + offset + zero;
    const ni::Translation place = tlb.translate(access, want);
    if (place) return false;
    zero = static_cast<std::uint64_t>(place.error()) >> 7U;
  }
  return true;
}

// Runs `body` in the receiver's place.
Result<void> run_alone(const Bout& bout, const std::function<void()>& body) {
  auto thread = threads::PinnedThread::start({.name = "near", .cpu = bout.cpus.receiver}, body);
  if (!thread) return tl::unexpected(thread.error());
  return {};  // joins here
}

tl::unexpected<Error> unexpected_answer() {
  return failure(Error::Kind::corrupt, "a translation or a put did not end as it should");
}

Result<Score> look_up(const Bout& bout, const Course& course, std::span<std::byte> memory) {
  ni::RegionTable table;
  auto tlb = ni::NiTlb::create(table, tlb_of(course, *bout.request));
  if (!tlb) return tl::unexpected(tlb.error());
  auto region = table.add(memory, ni::Rights::remote_write);
  if (!region) return tl::unexpected(region.error());
  ni::RegionKey key = region->key();
  if (course.what == What::stale_key) {
    key = ni::RegionKey(key.index(), static_cast<std::uint16_t>(key.generation() + 1));
  }
  const ni::Want want{.key = key,
                      .virtual_address = region->virtual_address(),
                      .length = Bytes(sizeof(std::uint64_t)),
                      .rights = ni::Rights::remote_write};
  const auto offsets = offsets_of(course, pages_of(course, *bout.request), bout.seed);
  const auto look_all = course.what == What::look_up       ? look_all_up
                        : course.what == What::overlapping ? look_all_up_at_once
                                                           : refuse_all;
  const auto counters = [&] { return tlb->counters(ni::RegionTable::Access(table)); };
  const ni::TlbCounters before = counters();
  Score score;
  bool is_good = false;
  if (auto ran = run_alone(bout,
                           [&] {
                             is_good = time_blocks(
                                 bout, score, [&] { return look_all(*tlb, table, want, offsets); });
                           });
      !ran) {
    return tl::unexpected(ran.error());
  }
  if (!is_good) return unexpected_answer();
  score.hit_ratio = hit_ratio(before, counters());
  return score;
}

Result<Score> put(const Bout& bout, const Course& course, std::span<std::byte> memory) {
  auto interface =
      ni::Interface::start({.drive = ni::Drive::in_the_call, .tlb = tlb_of(course, *bout.request)});
  if (!interface) return tl::unexpected(interface.error());
  auto self = interface->open_endpoint();
  if (!self) return tl::unexpected(self.error());
  auto region = interface->register_region(memory, ni::Rights::remote_write);
  if (!region) return tl::unexpected(region.error());
  const auto offsets = offsets_of(course, pages_of(course, *bout.request), bout.seed);
  const ni::TlbCounters before = interface->tlb_counters();
  Score score;
  bool is_good = false;
  const auto put_all = [&] {
    bool all_sent = true;
    for (const std::uint64_t offset : offsets) {
      all_sent &=
          bool(self->put({self->address(), region->key(), region->virtual_address() + offset},
                         std::as_bytes(std::span<const std::uint64_t, 1>(&offset, 1))));
    }
    return all_sent;
  };
  if (auto ran = run_alone(bout, [&] { is_good = time_blocks(bout, score, put_all); }); !ran) {
    return tl::unexpected(ran.error());
  }
  if (!is_good || !self->quiet(in(kPatience))) return unexpected_answer();
  score.hit_ratio = hit_ratio(before, interface->tlb_counters());
  return score;
}

template <Course kCourse>
Result<Score> measure(const Bout& bout) {
  auto memory = allocate({.size = kMostPages * kPage, .huge_pages = true});
  if (!memory) return tl::unexpected(memory.error());
  const auto pages = memory->mapping.pages().first((kMostPages * kPage).count());
  return kCourse.what == What::put ? put(bout, kCourse, pages) : look_up(bout, kCourse, pages);
}

struct Case {
  Contender contender;
  Course course;
};

template <Course kCourse>
constexpr Case case_of(std::string_view name) {
  return {{name, sizeof(std::uint64_t), measure<kCourse>}, kCourse};
}

constexpr Order kAtRandom = Order::at_random;

constexpr std::array kCases = {
    case_of<Course{}>("one page"),
    case_of<Course{.what = What::overlapping}>("one page, overlapping"),
    case_of<Course{.quarters = 4}>("as many pages as entries, in turn"),
    case_of<Course{.what = What::overlapping, .quarters = 4}>("the same, overlapping"),
    case_of<Course{.quarters = 4, .ways = 1}>("as many, in turn, 1 way"),
    case_of<Course{.quarters = 4, .ways = 8}>("as many, in turn, 8 ways"),
    case_of<Course{.order = kAtRandom, .quarters = 2}>("half as many, at random"),
    case_of<Course{.order = kAtRandom, .quarters = 4}>("as many, at random"),
    case_of<Course{.order = kAtRandom, .quarters = 8}>("twice as many, at random"),
    case_of<Course{.order = kAtRandom, .quarters = 16}>("four times as many, at random"),
    case_of<Course{.quarters = 16}>("four times as many, in turn: misses"),
    case_of<Course{.quarters = 16, .ways = 1}>("the same misses, 1 way"),
    case_of<Course{.quarters = 16, .ways = 8}>("the same misses, 8 ways"),
    case_of<Course{.what = What::stale_key}>("fault: a stale key"),
    case_of<Course{.what = What::beyond}>("fault: beyond the region"),
    case_of<Course{.what = What::put, .quarters = 4}>("put, hits"),
    case_of<Course{.what = What::put, .quarters = 16}>("put, misses"),
};

constexpr auto kContenders = [] {
  std::array<Contender, kCases.size()> contenders{};
  for (std::size_t at = 0; at < kCases.size(); ++at) contenders[at] = kCases[at].contender;
  return contenders;
}();

Fields figures_of(const Contender& contender, std::span<const Score> scores,
                  std::span<const double> /*floors_ns*/, const Request& request) {
  const Course& course = kCases[static_cast<std::size_t>(&contender - kContenders.data())].course;
  std::vector<double> times_ns = latencies_of(scores, request.clock).medians_ns;
  for (double& time : times_ns) time /= kLookUps;
  std::vector<double> ratios;
  for (const Score& score : scores) ratios.push_back(score.hit_ratio);
  const ni::TlbOptions tlb = tlb_of(course, request);
  return {
      {"entries_count", static_cast<std::int64_t>(tlb.entries)},
      {"ways_count", static_cast<std::int64_t>(tlb.ways)},
      {"pages_count", static_cast<std::int64_t>(pages_of(course, request))},
      {"hit_ratio", median_estimate(ratios, {.seed = request.seed})},
      {"time_ns", median_estimate(times_ns, {.seed = request.seed})},
      {"repetition_times_ns", times_ns},
  };
}

}  // namespace

Result<Findings> ni_tlb(const Request& request) {
  return hold({.contenders = kContenders, .figures = figures_of}, request);
}

}  // namespace smtni::experiments
