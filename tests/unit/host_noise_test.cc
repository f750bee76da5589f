#include "core/host_noise.h"

#include <gtest/gtest.h>
#include <time.h>

#include "tests/unit/recorded_tree.h"

namespace smtni {
namespace {

TEST(HostNoise, ReadsTheStealTimeOfAllCpus) {
  RecordedTree tree;
  tree.write("proc/stat", "cpu  100 0 50 9000 3 0 1 25 0 0\ncpu0 50 0 25 4500 3 0 1 24 0 0");
  const auto noise = HostNoise::read(tree.root());
  ASSERT_TRUE(noise) << noise.error().what;
  EXPECT_EQ(noise->steal, Nanoseconds(250'000'000));  // ticks of 10 ms, as procfs promises x86
}

TEST(HostNoise, IsATypedErrorWhenTheFileIsMalformedOrAbsent) {
  RecordedTree tree;
  EXPECT_EQ(HostNoise::read(tree.root()).error().kind, Error::Kind::unsupported);
  for (const std::string_view text :
       {"", "cpu 1 2 3", "cpu0 1 2 3 4 5 6 7 8 9", "cpu 1 2 3 4 5 6 7 x", "cpu 1 2 3 4 5 6 7 -8"}) {
    tree.write("proc/stat", text);
    EXPECT_EQ(HostNoise::read(tree.root()).error().kind, Error::Kind::invalid) << text;
  }
}

TEST(HostNoise, ReadingsSubtract) {
  const HostNoise earlier{
      .steal = Nanoseconds(10), .voluntary_switches = 3, .involuntary_switches = 5};
  const HostNoise later{
      .steal = Nanoseconds(30), .voluntary_switches = 4, .involuntary_switches = 8};
  EXPECT_EQ(
      later - earlier,
      (HostNoise{.steal = Nanoseconds(20), .voluntary_switches = 1, .involuntary_switches = 3}));
}

TEST(HostNoise, ThatStepsBackIsNone) {
  const HostNoise earlier{.steal = Nanoseconds(30)};
  const HostNoise later{.steal = Nanoseconds(20)};
  EXPECT_EQ((later - earlier).steal, Nanoseconds(0));
}

TEST(HostNoise, CountsTheSleepsOfThisThread) {
  const auto before = HostNoise::read();
  ASSERT_TRUE(before) << before.error().what;
  for (int sleep = 0; sleep < 5; ++sleep) {
    const timespec briefly{0, 1'000'000};
    ::nanosleep(&briefly, nullptr);
  }
  const auto after = HostNoise::read();
  ASSERT_TRUE(after);
  EXPECT_GE((*after - *before).voluntary_switches, 5U);
}

}  // namespace
}  // namespace smtni
