#include "experiments/dma.h"

#include <string_view>

#include "experiments/dma_race.h"
#include "experiments/statistics.h"

// What is timed, all in one thread: a block of operations between two ordered readings of the
// clock, then a block of as many memcpys between the same buffers, or the other way round, as a
// coin decides; a block is 64 KiB of payload, or one operation where that is larger. An operation
// lasts until it is done at its target: with the NI in the call when the call returns, with an NI
// thread when its completion was polled. Source and target are huge pages where they are to be had,
// each starts at a page of 4 KiB. What a block moved is compared once a bout, out of the time.
// Excluded: the first blocks of each bout; registration.
//
// Real: the copy, the translations at both ends, the segments. Emulated: the NI, by the call or a
// thread, which copies with a processor's loads and stores. Absent: a bus and an I/O cache.
namespace smtni::experiments {
namespace {

using How = DmaCourse::How;

std::uint64_t chosen_bytes(const Request& request) {
  return static_cast<std::uint64_t>(request.option("kib")) * 1024;
}

// Bytes 0: the size that was chosen.
template <DmaCourse kCourse>
Result<Score> measure(const Bout& bout) {
  DmaCourse course = kCourse;
  if (course.bytes == 0) course.bytes = chosen_bytes(*bout.request);
  return race(bout, course);
}

template <DmaCourse kCourse>
constexpr Contender contender(std::string_view name) {
  return {name, kCourse.bytes, measure<kCourse>};
}

constexpr ni::Drive kThread = ni::Drive::dedicated;

constexpr std::array kContenders = {
    contender<DmaCourse{.bytes = 4096}>("DMA 4 KiB"),
    contender<DmaCourse{.bytes = 65'536}>("DMA 64 KiB"),
    contender<DmaCourse{.bytes = 1'048'576}>("DMA 1 MiB"),
    contender<DmaCourse{.bytes = 0}>("DMA, chosen size"),
    contender<DmaCourse{.bytes = 4096, .has_small_pages = true}>("DMA 4 KiB, small TLB pages"),
    contender<DmaCourse{.bytes = 65'536, .has_small_pages = true}>("DMA 64 KiB, small TLB pages"),
    contender<DmaCourse{.bytes = 1'048'576, .has_small_pages = true}>("DMA 1 MiB, small TLB pages"),
    contender<DmaCourse{.bytes = 0, .has_small_pages = true}>("DMA, chosen size, small TLB pages"),
    contender<DmaCourse{.bytes = 4096, .is_cold = true}>("DMA 4 KiB, cold"),
    contender<DmaCourse{.bytes = 65'536, .is_cold = true}>("DMA 64 KiB, cold"),
    contender<DmaCourse{.bytes = 1'048'576, .is_cold = true}>("DMA 1 MiB, cold"),
    contender<DmaCourse{.bytes = 0, .is_cold = true}>("DMA, chosen size, cold"),
    contender<DmaCourse{.bytes = 65'536, .is_cold = true, .has_small_pages = true}>(
        "DMA 64 KiB, cold, small TLB pages"),
    contender<DmaCourse{.bytes = 64}>("DMA 64 B"),
    contender<DmaCourse{.bytes = 1024}>("DMA 1 KiB"),
    contender<DmaCourse{.bytes = 16'384}>("DMA 16 KiB"),
    contender<DmaCourse{.bytes = 64, .how = How::pio}>("PIO 64 B"),
    contender<DmaCourse{.bytes = 1024, .how = How::pio}>("PIO 1 KiB"),
    contender<DmaCourse{.bytes = 4096, .how = How::pio}>("PIO 4 KiB"),
    contender<DmaCourse{.bytes = 16'384, .how = How::pio}>("PIO 16 KiB"),
    contender<DmaCourse{.bytes = 64, .how = How::message}>("message 64 B"),
    contender<DmaCourse{.bytes = 1024, .how = How::message}>("message 1 KiB"),
    contender<DmaCourse{.bytes = 4096, .how = How::message}>("message 4 KiB"),
    contender<DmaCourse{.bytes = 16'384, .how = How::message}>("message 16 KiB"),
    contender<DmaCourse{.bytes = 64, .how = How::pio, .drive = kThread}>("NI thread, PIO 64 B"),
    contender<DmaCourse{.bytes = 64, .drive = kThread}>("NI thread, DMA 64 B"),
    contender<DmaCourse{.bytes = 1024, .how = How::pio, .drive = kThread}>("NI thread, PIO 1 KiB"),
    contender<DmaCourse{.bytes = 1024, .drive = kThread}>("NI thread, DMA 1 KiB"),
    contender<DmaCourse{.bytes = 4096, .how = How::pio, .drive = kThread}>("NI thread, PIO 4 KiB"),
    contender<DmaCourse{.bytes = 4096, .drive = kThread}>("NI thread, DMA 4 KiB"),
    contender<DmaCourse{.bytes = 16'384, .how = How::pio, .drive = kThread}>(
        "NI thread, PIO 16 KiB"),
    contender<DmaCourse{.bytes = 16'384, .drive = kThread}>("NI thread, DMA 16 KiB"),
    contender<DmaCourse{.bytes = 65'536, .drive = kThread}>("NI thread, DMA 64 KiB"),
};

Fields figures_of(const Contender& contender, std::span<const Score> scores,
                  std::span<const double> /*floors_ns*/, const Request& request) {
  const std::uint64_t bytes =
      contender.payload_bytes == 0 ? chosen_bytes(request) : contender.payload_bytes;
  const std::vector<double> moved_ns = latencies_of(scores, request.clock).medians_ns;
  const std::vector<double> copied_ns =
      latencies_of(scores, request.clock, &Score::compared_cycles).medians_ns;
  const Estimate time = median_estimate(moved_ns, {.seed = request.seed});
  return {
      {"payload_bytes", static_cast<std::int64_t>(bytes)},
      {"median_time_ns", time},
      {"repetition_median_times_ns", moved_ns},
      {"memcpy_time_ns", median_estimate(copied_ns, {.seed = request.seed})},
      {"repetition_memcpy_times_ns", copied_ns},
      {"bandwidth_gb_per_s", static_cast<double>(bytes) / time.value},
      {"speed_to_memcpy_ratio",
       ratio_estimate({.numerators = copied_ns, .denominators = moved_ns}, {.seed = request.seed})},
  };
}

}  // namespace

Result<Findings> dma(const Request& request) {
  return hold({.contenders = kContenders, .figures = figures_of}, request);
}

}  // namespace smtni::experiments
