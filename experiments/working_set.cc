#include "experiments/working_set.h"

#include <numeric>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "experiments/ground.h"

namespace smtni::experiments {

Result<WorkingSet> WorkingSet::create(Bytes size, std::uint64_t seed) {
  const std::uint64_t lines = size.count() / kCacheLine;
  if (lines < 2) {
    return failure(Error::Kind::invalid, "a working set of " + std::to_string(size.count()) +
                                             " bytes; accepted: two lines or more");
  }
  return allocate({.size = size, .huge_pages = true}).map([&](Memory memory) {
    return WorkingSet(std::move(memory), lines, seed);
  });
}

WorkingSet::WorkingSet(Memory memory, std::uint64_t lines, std::uint64_t seed)
    : memory_(std::move(memory)), lines_(lines) {
  auto* const set = reinterpret_cast<Line*>(memory_.mapping.pages().data());
  std::vector<std::size_t> order(lines);
  std::iota(order.begin(), order.end(), 0);
  std::mt19937_64 random(seed);
  shuffle(order, random);
  for (std::size_t at = 0; at < lines; ++at) {
    set[order[at]].next = &set[order[(at + 1) % lines]];
  }
  first_ = &set[order[0]];
}

TscCycles WorkingSet::timed_pass() noexcept {
  const TscInstant before = TscClock::begin();
  pass();
  return TscClock::end() - before;
}

std::uint64_t WorkingSet::cycle() const noexcept {
  std::uint64_t count = 1;
  for (const Line* line = first_->next; line != first_; line = line->next) ++count;
  return count;
}

}  // namespace smtni::experiments
