#include "experiments/dma_race.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <random>

#include "core/cache_sizes.h"
#include "core/memory.h"
#include "threads/pinned_thread.h"

namespace smtni::experiments {
namespace {

using How = DmaCourse::How;

constexpr std::uint64_t kBlock = 64 * 1024;
constexpr std::uint64_t kPage = 4096;
constexpr Bytes kColdMost = 256 * kMiB;
constexpr Bytes kColdUnknown = 64 * kMiB;
constexpr std::size_t kWarmUp = 4;
constexpr std::size_t kSamplesMax = 1 << 18;

// Pairs of buffers: sources, then targets.
class Buffers {
 public:
  static Result<Buffers> create(const Bout& bout, const DmaCourse& course) {
    const std::uint64_t stride = (course.bytes + kPage - 1) / kPage * kPage;
    std::uint64_t pairs = 1;
    if (course.is_cold) {
      const auto caches = read_cache_sizes(bout.cpus.receiver);
      const Bytes whole = caches ? std::min(2 * caches->last, kColdMost) : kColdUnknown;
      pairs = std::max<std::uint64_t>(2, whole.count() / (2 * stride));
    }
    auto memory = allocate({.size = Bytes(2 * pairs * stride), .huge_pages = true});
    if (!memory) return tl::unexpected(memory.error());
    Buffers buffers(*std::move(memory), {course.bytes, stride, pairs});
    std::memset(buffers.sources().data(), 1, buffers.sources().size());
    return buffers;
  }

  [[nodiscard]] std::span<std::byte> sources() noexcept {
    return memory_.mapping.pages().first(shape_.pairs * shape_.stride);
  }
  [[nodiscard]] std::span<std::byte> targets() noexcept {
    return memory_.mapping.pages().subspan(shape_.pairs * shape_.stride,
                                           shape_.pairs * shape_.stride);
  }
  [[nodiscard]] std::span<std::byte> source(std::uint64_t at) noexcept {
    return sources().subspan(at, shape_.bytes);
  }
  [[nodiscard]] std::span<std::byte> target(std::uint64_t at) noexcept {
    return targets().subspan(at, shape_.bytes);
  }
  /// Where the next pair lies, from the start of the sources and of the targets.
  [[nodiscard]] std::uint64_t next() noexcept {
    if (++pair_ == shape_.pairs) pair_ = 0;
    return pair_ * shape_.stride;
  }

 private:
  struct Shape {
    std::uint64_t bytes;
    std::uint64_t stride;
    std::uint64_t pairs;
  };

  Buffers(Memory memory, const Shape& shape) : memory_(std::move(memory)), shape_(shape) {}

  Memory memory_;
  Shape shape_;
  std::uint64_t pair_ = 0;
};

// The interface with both ends in it.
struct Ends {
  ni::Interface interface;
  ni::Endpoint origin;
  ni::Endpoint inbox;
  ni::Region sources;
  ni::Region targets;

  static Result<Ends> open(const Bout& bout, const DmaCourse& course, Buffers& buffers) {
    auto interface =
        ni::Interface::start({.drive = course.drive,
                              .placement = Placement::at(bout.cpus),
                              .tlb = {.page = course.has_small_pages ? 4 * kKiB : 2 * kMiB}});
    if (!interface) return tl::unexpected(interface.error());
    const ni::EndpointOptions options{.message_cache = kMiB, .notify = "poll/pause"};
    auto origin = interface->open_endpoint(options);
    auto inbox = interface->open_endpoint(options);
    if (!origin || !inbox) return tl::unexpected((origin ? inbox : origin).error());
    auto sources = interface->register_region(buffers.sources(), ni::Rights::local);
    auto targets = interface->register_region(buffers.targets(), ni::Rights::remote_write);
    if (!sources || !targets) return tl::unexpected((sources ? targets : sources).error());
    return Ends{*std::move(interface), *std::move(origin), *std::move(inbox), *std::move(sources),
                *std::move(targets)};
  }
};

// Does one operation, and waits for it.
class Mover {
 public:
  Mover(const Bout& bout, const DmaCourse& course, Ends& ends, Buffers& buffers)
      : course_(course), ends_(ends), buffers_(buffers), lookout_(bout) {}

  [[nodiscard]] bool move(std::uint64_t at) noexcept {
    return course_.how == How::message ? send(at) : put(at);
  }
  void copy(std::uint64_t at) noexcept {
    std::memcpy(buffers_.target(at).data(), buffers_.source(at).data(), course_.bytes);
    asm volatile("" : : : "memory");  // every copy counts
  }

 private:
  bool put(std::uint64_t at) noexcept {
    const bool is_waited_for = course_.drive == ni::Drive::dedicated;
    const ni::RemoteOptions options{.remote_completion = is_waited_for};
    const ni::RemoteAddress to{ends_.inbox.address(), ends_.targets.key(),
                               ends_.targets.virtual_address() + at};
    const auto length = static_cast<std::uint32_t>(course_.bytes);
    const ni::Sent sent =
        course_.how == How::dma
            ? ends_.origin.put(to, ni::slice_of(ends_.sources, at, length), options)
            : ends_.origin.put(to, buffers_.source(at), options);
    if (!sent) return false;
    std::optional<ni::Completion> completion;
    return !is_waited_for || (lookout_.wait([&] {
      return (completion = ends_.origin.poll_completion()).has_value();
    }) && completion->status == ni::CompletionStatus::done);
  }

  bool send(std::uint64_t at) noexcept {
    if (!ends_.origin.send(ends_.inbox.address(), buffers_.source(at))) return false;
    const ni::Received message = ends_.inbox.try_receive();
    return message && message->payload.size() == course_.bytes;
  }

  DmaCourse course_;
  Ends& ends_;
  Buffers& buffers_;
  Lookout lookout_;
};

// Cycles of one operation, of those in a block; nothing when one went wrong.
template <class Operation>
std::optional<std::uint64_t> block_of(std::uint64_t count, Buffers& buffers, Operation operation) {
  bool is_good = true;
  const TscInstant before = TscClock::begin();
  for (std::uint64_t turn = 0; turn < count; ++turn) is_good &= operation(buffers.next());
  const TscInstant after = TscClock::end();
  if (!is_good) return std::nullopt;
  return (after - before).count() / count;
}

// No samples when an operation was refused, or did not move its bytes.
Score compete(const Bout& bout, const DmaCourse& course, Ends& ends, Buffers& buffers) {
  Score score;
  Mover mover(bout, course, ends, buffers);
  std::mt19937_64 random(bout.seed);
  const std::uint64_t count = std::max<std::uint64_t>(1, kBlock / course.bytes);
  const auto move = [&](std::uint64_t at) { return mover.move(at); };
  const auto copy = [&](std::uint64_t at) {
    mover.copy(at);
    return true;
  };
  const TscInstant until = TscClock::now() + bout.clock.cycles(bout.duration);
  for (std::size_t round = 0; round <= kWarmUp || TscClock::now() < until; ++round) {
    std::optional<std::uint64_t> moved;
    const bool moves_first = (random() & 1U) != 0;
    if (moves_first) moved = block_of(count, buffers, move);
    const auto copied = block_of(count, buffers, copy);
    if (!moves_first) moved = block_of(count, buffers, move);
    if (!moved) return {};
    if (round < kWarmUp || score.samples_cycles.size() == kSamplesMax) continue;
    score.samples_cycles.push_back(*moved);
    score.compared_cycles.push_back(*copied);
  }
  if (course.how == How::message) return score;
  const std::uint64_t at = buffers.next();
  std::memset(buffers.source(at).data(), 2, course.bytes);
  const bool is_whole =
      mover.move(at) && std::ranges::equal(buffers.source(at), buffers.target(at));
  return is_whole ? score : Score{};
}

}  // namespace

Result<Score> race(const Bout& bout, const DmaCourse& course) {
  if (course.drive == ni::Drive::dedicated && bout.shares_cpu()) {
    return failure(Error::Kind::unsupported,
                   "this placement has no CPU for the NI thread beside the application's");
  }
  auto buffers = Buffers::create(bout, course);
  if (!buffers) return tl::unexpected(buffers.error());
  auto ends = Ends::open(bout, course, *buffers);
  if (!ends) return tl::unexpected(ends.error());
  Score score;
  {
    auto thread = threads::PinnedThread::start({.name = "near", .cpu = bout.cpus.receiver}, [&] {
      score = compete(bout, course, *ends, *buffers);
    });
    if (!thread) return tl::unexpected(thread.error());
  }
  if (score.samples_cycles.empty()) {
    return failure(Error::Kind::corrupt, "an operation was refused, or its bytes are not there");
  }
  return score;
}

}  // namespace smtni::experiments
