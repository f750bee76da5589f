// What each kind of stores copies. Where the lines end up is a matter of the machine: `smtni run
// disturbance` shows it. That their reader sees all of them is in message_ring_stress_test.cc.
#include "core/stores.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "core/cpu.h"

namespace smtni {
namespace {

constexpr std::byte kGuard{0xEE};

class EveryStores : public testing::TestWithParam<Stores> {
 protected:
  // Copies `size` bytes to `to_offset` from a line's start and looks at every byte around them.
  void copy_and_check(std::size_t size, std::size_t to_offset, std::size_t from_offset) {
    std::fill(to_.begin(), to_.end(), kGuard);
    std::byte* const line = aligned(to_);
    const auto from = std::span(aligned(from_) + from_offset, size);
    copy_payload(GetParam(), line + to_offset, from);
    std::size_t wrong = 0;
    for (std::size_t at = 0; at < to_offset; ++at) wrong += line[at] != kGuard;
    for (std::size_t at = 0; at < size; ++at) wrong += line[to_offset + at] != from[at];
    for (std::size_t at = 0; at < 2 * kCacheLine; ++at) {
      wrong += line[to_offset + size + at] != kGuard;
    }
    ASSERT_EQ(wrong, 0U) << size << " bytes to offset " << to_offset << " from " << from_offset;
  }

  void SetUp() override {
    for (std::size_t at = 0; at < from_.size(); ++at) {
      from_[at] = static_cast<std::byte>((at * 31 + at / 251) & 0x7F);  // never the guard
    }
  }

 private:
  static constexpr std::size_t kRoom = 16'384;

  static std::byte* aligned(std::vector<std::byte>& bytes) {
    std::byte* const first = bytes.data();
    return first + (kCacheLine - reinterpret_cast<std::uintptr_t>(first) % kCacheLine);
  }

  std::vector<std::byte> to_ = std::vector<std::byte>(kRoom);
  std::vector<std::byte> from_ = std::vector<std::byte>(kRoom);
};

TEST_P(EveryStores, CopiesEverySizeToALine) {
  for (std::size_t size = 0; size <= 300; ++size) copy_and_check(size, 0, 0);
}

TEST_P(EveryStores, CopiesToAndFromEveryOffset) {
  for (std::size_t offset = 0; offset <= 300; ++offset) {
    for (const std::size_t size : {0U, 1U, 63U, 64U, 65U, 127U, 200U, 300U}) {
      copy_and_check(size, offset, 0);
      copy_and_check(size, 0, offset);
      copy_and_check(size, offset, 7 * offset % 64);
    }
  }
}

TEST_P(EveryStores, CopiesLongPayloads) {
  for (const std::size_t size : {1023U, 1024U, 1600U, 4096U, 4097U, 5000U, 8191U, 12000U}) {
    for (const std::size_t offset : {0U, 1U, 40U, 64U}) copy_and_check(size, offset, offset / 2);
  }
}

INSTANTIATE_TEST_SUITE_P(Stores, EveryStores,
                         testing::Values(Stores::cached, Stores::streaming, Stores::demoted),
                         [](const auto& stores) { return std::string(name_of(stores.param)); });

TEST(Stores, AreFoundByName) {
  EXPECT_EQ(stores_named("cached"), Stores::cached);
  EXPECT_EQ(stores_named("streaming"), Stores::streaming);
  EXPECT_EQ(stores_named("demoted"), Stores::demoted);
}

TEST(Stores, RefuseAnUnknownNameAndTellWhatIsAccepted) {
  const auto stores = stores_named("fast");
  ASSERT_FALSE(stores);
  EXPECT_EQ(stores.error().kind, Error::Kind::invalid);
  EXPECT_EQ(stores.error().what, "stores 'fast'; accepted: cached, streaming, demoted");
}

TEST(Stores, OrdinaryOnesAreEverywhere) { EXPECT_TRUE(check(Stores::cached)); }

TEST(Stores, SayWhatTheProcessorLacks) {
  for (const Stores stores : {Stores::streaming, Stores::demoted}) {
    const auto checked = check(stores);
    if (checked) continue;
    EXPECT_EQ(checked.error().kind, Error::Kind::unsupported);
    EXPECT_FALSE(checked.error().what.empty());
  }
}

}  // namespace
}  // namespace smtni
