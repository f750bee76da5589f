// Runs the fuzzed function over a corpus of good work requests and over random mutations of them.
#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <random>
#include <vector>

#include "ni/work_request.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace smtni::ni {
namespace {

constexpr int kMutations = 1'000'000;

std::vector<std::vector<std::uint8_t>> corpus() {
  const RegionKey key(3, 1);
  const std::array requests{
      WorkRequest{.opcode = Opcode::message, .length = 32, .operand = 1, .compare = 7},
      WorkRequest{.opcode = Opcode::put,
                  .flags = WorkFlags::notify,
                  .remote_key = key,
                  .length = 4096,
                  .remote_virtual_address = 0x7F00'0000'1000,
                  .local_virtual_address = 0x7F00'0000'2001,
                  .local_key = RegionKey(4, 2)},
      WorkRequest{.opcode = Opcode::get,
                  .flags = WorkFlags::local_completion,
                  .remote_key = key,
                  .length = 1,
                  .local_virtual_address = 1,
                  .local_key = RegionKey(4, 2),
                  .ticket = ~0ULL},
      WorkRequest{.opcode = Opcode::put_signal,
                  .flags = WorkFlags::signal_add | WorkFlags::remote_completion,
                  .remote_key = key,
                  .operand = 1,
                  .compare = 0x7F00'0000'1008},
      WorkRequest{.opcode = Opcode::fetch_add,
                  .flags = WorkFlags::fence,
                  .remote_key = key,
                  .length = 8,
                  .remote_virtual_address = 0x7F00'0000'1008,
                  .operand = 1},
      WorkRequest{.opcode = Opcode::compare_swap,
                  .remote_key = key,
                  .length = 8,
                  .remote_virtual_address = 0x7F00'0000'1008,
                  .operand = 1,
                  .compare = 2},
  };
  std::vector<std::vector<std::uint8_t>> seeds;
  for (const WorkRequest& request : requests) {
    std::vector<std::uint8_t> bytes(kWorkRequestSize);
    std::memcpy(bytes.data(), &request, bytes.size());
    seeds.push_back(std::move(bytes));
  }
  return seeds;
}

/// One to four bytes changed, a bit or the whole; once in 16, cut off or made longer.
std::vector<std::uint8_t> mutated(std::vector<std::uint8_t> bytes, std::mt19937& random) {
  for (unsigned changes = 1 + random() % 4; changes > 0; --changes) {
    std::uint8_t& byte = bytes[random() % bytes.size()];
    if (random() % 2 == 0) {
      byte = static_cast<std::uint8_t>(byte ^ 1U << random() % 8);
    } else {
      byte = static_cast<std::uint8_t>(random());
    }
  }
  if (random() % 16 == 0) bytes.resize(random() % 130);
  bytes.shrink_to_fit();  // so that AddressSanitizer sees a read past the end
  return bytes;
}

TEST(WorkRequestFuzz, HoldsForTheCorpus) {
  for (const auto& bytes : corpus()) {
    EXPECT_EQ(LLVMFuzzerTestOneInput(bytes.data(), bytes.size()), 0);
    EXPECT_TRUE(parse(std::as_bytes(std::span(bytes))));
  }
  EXPECT_EQ(LLVMFuzzerTestOneInput(nullptr, 0), 0);
}

TEST(WorkRequestFuzz, HoldsForAMillionMutations) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::fprintf(stderr, "seed %u\n", seed);  // the function aborts: too late for the trace
  std::mt19937 random(seed);
  const auto seeds = corpus();
  std::array<int, 7> outcomes{};  // by refusal; the last: accepted
  for (int count = 0; count < kMutations; ++count) {
    const auto bytes = mutated(seeds[random() % seeds.size()], random);
    LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
    const auto parsed = parse(std::as_bytes(std::span(bytes)));
    ++outcomes[parsed ? 6 : static_cast<std::size_t>(parsed.error())];
  }
  for (std::size_t outcome = 0; outcome < outcomes.size(); ++outcome) {
    EXPECT_GT(outcomes[outcome], 1'000) << "hardly seen: outcome " << outcome;
  }
}

}  // namespace
}  // namespace smtni::ni
