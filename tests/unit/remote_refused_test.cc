// What one-sided operations refuse: each with its own fault, the target's memory as it was.
#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "tests/unit/remote_fixture.h"

namespace smtni::ni {
namespace {

// The four kinds of bad input: each refused with its own fault, the target's memory as it was.
class RefusedTest : public RemoteTest {
 protected:
  void expect_refused(const RemoteAddress& to, std::uint32_t size, Fault fault) {
    const Region source = keep(own);
    ASSERT_TRUE(near->put(to, slice_of(source, 0, size), {.remote_completion = true}));
    Completion completion = await_completion();
    EXPECT_EQ(completion.status, CompletionStatus::refused);
    EXPECT_EQ(static_cast<Fault>(completion.reason), fault);
    const auto quiet = near->quiet(in(kPatience));
    ASSERT_FALSE(quiet);
    EXPECT_EQ(quiet.error().kind, Error::Kind::invalid);
    EXPECT_NE(quiet.error().what.find(name_of(fault)), std::string::npos) << quiet.error().what;
    EXPECT_TRUE(is_untouched());
    EXPECT_TRUE(near->quiet(in(kPatience))) << "told once";
  }
};

TEST_P(RefusedTest, AKeyOfTheWrongGeneration) {
  RemoteAddress stale;
  {
    const Region old = expose();
    stale = at(old);
  }
  const Region again = expose();
  expect_refused(stale, 8, Fault::stale_key);
}

TEST_P(RefusedTest, AnAddressOneByteBeyondItsRegion) {
  const Region region = expose();
  expect_refused(at(region, memory.size() - 7), 8, Fault::out_of_bounds);
  expect_refused({far->address(), region.key(), region.virtual_address() - 1}, 8,
                 Fault::out_of_bounds);
  // Of many packets, the first ones would fit.
  expect_refused(at(region, 1), static_cast<std::uint32_t>(memory.size()), Fault::out_of_bounds);
}

TEST_P(RefusedTest, RightsThatWereNotGiven) {
  const Region readable = expose(Rights::remote_read);
  expect_refused(at(readable), 8, Fault::not_permitted);
  expect_refused(at(readable), 100'000, Fault::not_permitted);
  ASSERT_TRUE(near->fetch_add(at(readable), 1, {.remote_completion = true}));
  EXPECT_EQ(static_cast<Fault>(await_completion().reason), Fault::not_permitted);
  EXPECT_FALSE(near->quiet(in(kPatience)));
  const Region writable = expose(Rights::remote_write);
  const Region sink = keep(own);
  ASSERT_TRUE(near->get(slice_of(sink, 0, 8), at(writable), {.remote_completion = true}));
  EXPECT_EQ(static_cast<Fault>(await_completion().reason), Fault::not_permitted);
  EXPECT_EQ(own[0], std::byte{0});
  EXPECT_FALSE(near->quiet(in(kPatience)));
  EXPECT_TRUE(is_untouched());
}

TEST_P(RefusedTest, ASignalBeyondItsRegion) {
  const Region region = expose();
  const std::uint64_t data = 1;
  ASSERT_TRUE(
      near->put_signal(at(region), std::as_bytes(std::span(&data, 1)),
                       {.virtual_address = region.virtual_address() + memory.size(), .value = 1}));
  EXPECT_FALSE(near->quiet(in(kPatience)));
  EXPECT_TRUE(is_untouched());
}

TEST_P(RefusedTest, ADescriptorWithReservedBits) {
  const Region region = expose();
  WorkRequest request{.opcode = Opcode::fetch_add,
                      .target = far->address(),
                      .remote_key = region.key(),
                      .length = 8,
                      .remote_virtual_address = region.virtual_address(),
                      .operand = 1};
  request.reserved_at_36 = 1;
  EXPECT_EQ(near->post(request).why(), Error::Kind::invalid);
  request.reserved_at_36 = 0;
  request.remote_virtual_address += 1;
  EXPECT_EQ(near->post(request).why(), Error::Kind::invalid) << "misaligned";
  request.opcode = Opcode::put;
  request.operand = 0;
  EXPECT_EQ(near->post(request, bytes("seven..")).why(), Error::Kind::invalid) << "7 of 8 bytes";
  EXPECT_TRUE(near->quiet(in(kPatience)));
  EXPECT_TRUE(is_untouched());
}

TEST_P(RefusedTest, ASourceThatIsNotOnesOwn) {
  const Region region = expose();
  const Region shared = keep(own, Rights::remote_read);  // not for one's own requests
  ASSERT_TRUE(near->put(at(region), slice_of(shared, 0, 64), {.remote_completion = true}));
  EXPECT_EQ(static_cast<Fault>(await_completion().reason), Fault::not_permitted);
  EXPECT_FALSE(near->quiet(in(kPatience)));
  EXPECT_TRUE(is_untouched());
}

INSTANTIATE_TEST_SUITE_P(Places, RefusedTest, every_place(), kPlaceName);

}  // namespace
}  // namespace smtni::ni
