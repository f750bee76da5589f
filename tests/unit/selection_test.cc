#include "experiments/selection.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "experiments/progress.h"

namespace smtni::experiments {
namespace {

using notify::MechanismInfo;
using notify::Role;

constexpr std::array kKnown = {
    MechanismInfo{"lock-table/spin", Role::waits, "paper 1", ""},
    MechanismInfo{"poll/spin", Role::waits, "baseline", ""},
    MechanismInfo{"lock-table/park", Role::waits, "paper 1", ""},
    MechanismInfo{"adaptive", Role::waits, "ours", ""},
};

using Names = std::vector<std::string>;

TEST(SelectMechanisms, TakesAllWhenNothingIsAsked) {
  EXPECT_EQ(select_mechanisms({}, kKnown).value(),
            (Names{"lock-table/spin", "poll/spin", "lock-table/park", "adaptive"}));
}

TEST(SelectMechanisms, TakesNamesAndFamiliesOnceInTheOrderOfTheList) {
  EXPECT_EQ(select_mechanisms({"poll/spin", "lock-table", "lock-table/park"}, kKnown).value(),
            (Names{"lock-table/spin", "poll/spin", "lock-table/park"}));
}

TEST(SelectMechanisms, NamesWhatIsAcceptedInOneLine) {
  const auto selected = select_mechanisms({"poll/spin", "lock"}, kKnown);
  ASSERT_FALSE(selected.has_value());
  EXPECT_EQ(selected.error().what,
            "unknown mechanism 'lock'; accepted: lock-table/spin, poll/spin, lock-table/park, "
            "adaptive; or a family: lock-table, poll");
}

TEST(SelectPlacements, TakesAllThatTheMachineHas) {
  const auto topology = Topology::read();
  ASSERT_TRUE(topology.has_value());
  const auto selection = select_placements({}, *topology);
  ASSERT_TRUE(selection.has_value());
  EXPECT_TRUE(selection->missing.empty());
  ASSERT_FALSE(selection->available.empty());
  EXPECT_EQ(selection->available.back().name, "same-cpu");
}

TEST(SelectPlacements, TellsWhyOneThatWasAskedForIsMissing) {
  const auto topology = Topology::read({.allowed = std::vector<int>{0}});
  ASSERT_TRUE(topology.has_value());
  const auto selection = select_placements({"same-llc", "same-cpu"}, *topology);
  ASSERT_TRUE(selection.has_value());
  ASSERT_EQ(selection->missing.size(), 1U);
  EXPECT_EQ(selection->missing[0].name, "same-llc");
  EXPECT_FALSE(selection->missing[0].reason.empty());
  ASSERT_EQ(selection->available.size(), 1U);
  EXPECT_EQ(selection->available[0].name, "same-cpu");
}

TEST(SelectPlacements, NamesWhatIsAcceptedInOneLine) {
  const auto topology = Topology::read();
  ASSERT_TRUE(topology.has_value());
  const auto selection = select_placements({"moon"}, *topology);
  ASSERT_FALSE(selection.has_value());
  EXPECT_EQ(selection.error().what,
            "unknown placement 'moon'; accepted: smt-sibling, same-llc, same-node, cross-node, "
            "same-cpu");
}

TEST(ProgressLine, ShowsTheShareAndTheTimeLeft) {
  EXPECT_EQ(progress_line(0.25, std::chrono::seconds(12), "poll/spin"),
            "[#####...............]  25 %  12 s left  poll/spin");
  EXPECT_EQ(progress_line(1.5, std::chrono::seconds(0), ""),
            "[####################] 100 %  0 s left  ");
}

}  // namespace
}  // namespace smtni::experiments
