// Long transfers that the NI fetches into staging for a link.
#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "tests/unit/remote_fixture.h"

namespace smtni::ni {
namespace {

TEST(Fetching, RefusesOptionsThatMakeNoSense) {
  auto interface = Interface::start();
  ASSERT_TRUE(interface);
  for (const FetchingOptions& wrong :
       {FetchingOptions{.staging = Bytes(0)}, FetchingOptions{.staging = Bytes(20'000)},
        FetchingOptions{.start_threshold = Bytes(100'000)},
        FetchingOptions{.outstanding_reads = 65}}) {
    const auto endpoint = interface->open_endpoint({.fetching = wrong});
    ASSERT_FALSE(endpoint);
    EXPECT_EQ(endpoint.error().kind, Error::Kind::invalid);
    EXPECT_NE(endpoint.error().what.find("accepted: "), std::string::npos);
  }
}

// A slow link, a long transfer that fills staging and link, and short messages that get through.
TEST(Fetching, LetsShortMessagesThroughWhileALinkIsFullOfALongTransfer) {
  std::vector<std::byte> memory(1'000'000);
  std::vector<std::byte> own(1'000'000, std::byte{7});
  auto interface = Interface::start(
      {.link =
           LinkOptions{.gigabits_per_second = 1, .credit = Bytes(40'000), .packet_credit = 64}});
  ASSERT_TRUE(interface) << interface.error().what;
  auto near =
      interface->open_endpoint({.fetching = {.staging = 32 * kKiB, .start_threshold = 32 * kKiB}});
  auto far = interface->open_endpoint();
  const auto target = interface->register_region(memory, kAll);
  const auto source = interface->register_region(own, kAll);
  ASSERT_TRUE(near && far && target && source);
  const Deadline until = in(kPatience);
  ASSERT_TRUE(near->put({far->address(), target->key(), target->virtual_address()},
                        slice_of(*source, 0, 1'000'000)));
  for (std::uint32_t number = 0; number < 20; ++number) {
    while (!near->send(far->address(), {}, {.type_id = number}) && !has_passed(until)) {
      std::this_thread::yield();
    }
    const Received message = far->receive(until);
    ASSERT_TRUE(message);
    EXPECT_EQ(message->info.type_id, number);
  }
  ASSERT_TRUE(near->quiet(until));
  EXPECT_EQ(memory, own);
  EXPECT_EQ(near->counters().staged_bytes, 1'000'000U);
}

}  // namespace
}  // namespace smtni::ni
