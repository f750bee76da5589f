#include "core/clock_offset.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <vector>

#include "core/topology.h"

namespace smtni {
namespace {

std::vector<int> usable_cpus() {
  std::vector<int> cpus;
  const auto topology = Topology::read();
  EXPECT_TRUE(topology) << topology.error().what;
  for (const Processor& processor : topology->processors()) cpus.push_back(processor.cpu);
  return cpus;
}

TEST(ClockOffset, OfACpuToItselfIsZero) {
  const auto offset = measure_clock_offset(0, 0);
  ASSERT_TRUE(offset);
  EXPECT_EQ(offset->cycles, 0);
  EXPECT_EQ(offset->uncertainty, TscCycles(0));
}

// Shows that an offset turns its sign with the direction, to within half of what the bounds allow:
// both measurements see the same two paths. Cannot show an error that lies in the paths themselves.
TEST(ClockOffset, ChangesItsSignWithTheDirection) {
  const auto cpus = usable_cpus();
  if (cpus.size() < 2) GTEST_SKIP() << "only one CPU may be used";
  const auto there =
      measure_clock_offset(cpus[0], cpus[1], {.patience = Nanoseconds(20'000'000'000)});
  const auto back =
      measure_clock_offset(cpus[1], cpus[0], {.patience = Nanoseconds(20'000'000'000)});
  ASSERT_TRUE(there) << there.error().what;
  ASSERT_TRUE(back) << back.error().what;
  EXPECT_EQ(there->rounds, 2000U);
  EXPECT_GT(there->uncertainty, TscCycles(0));
  EXPECT_LT(std::llabs(there->cycles + back->cycles),
            static_cast<long long>((there->uncertainty + back->uncertainty).count() / 2));
}

TEST(ClockOffset, EndsByItselfWithoutPatience) {
  const auto cpus = usable_cpus();
  if (cpus.size() < 2) GTEST_SKIP() << "only one CPU may be used";
  const auto offset =
      measure_clock_offset(cpus[0], cpus[1], {.rounds = 4'000'000'000, .patience = Nanoseconds(0)});
  ASSERT_FALSE(offset);
  EXPECT_EQ(offset.error().kind, Error::Kind::timed_out);
}

TEST(ClockOffset, IsTimedOutWithoutARound) {
  const auto cpus = usable_cpus();
  if (cpus.size() < 2) GTEST_SKIP() << "only one CPU may be used";
  const auto offset = measure_clock_offset(cpus[0], cpus[1], {.rounds = 0});
  ASSERT_FALSE(offset);
  EXPECT_EQ(offset.error().kind, Error::Kind::timed_out);
}

TEST(ClockOffset, IsInvalidForACpuThatCannotBe) {
  EXPECT_EQ(measure_clock_offset(0, -1).error().kind, Error::Kind::invalid);
  EXPECT_EQ(measure_clock_offset(100'000, 0).error().kind, Error::Kind::invalid);
}

}  // namespace
}  // namespace smtni
