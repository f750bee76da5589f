#include "core/placement.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/recorded_tree.h"

namespace smtni {
namespace {

using Record = void (*)(RecordedTree&);

Topology topology_of(Record record) {
  RecordedTree tree;
  record(tree);
  auto topology = Topology::read({.root = tree.sys()});
  EXPECT_TRUE(topology) << topology.error().what;
  return *std::move(topology);
}

RoleCpus cpus_of(const Result<RoleCpus>& placed) {
  EXPECT_TRUE(placed) << placed.error().what;
  return placed.value_or(RoleCpus{});
}

std::vector<std::string> names_of(const std::vector<Placement>& placements) {
  std::vector<std::string> names;
  for (const Placement& placement : placements) names.emplace_back(placement.name());
  return names;
}

void expect_unsupported(std::string_view name, const Topology& topology, std::string_view reason) {
  const auto placed = place(name, topology);
  ASSERT_FALSE(placed);
  EXPECT_EQ(placed.error().kind, Error::Kind::unsupported);
  EXPECT_EQ(placed.error().what, reason);
}

TEST(Placement, SeatsTheNiBesideTheReceiverOnSiblings) {
  const Topology topology = topology_of(record_smt_desktop);
  EXPECT_EQ(cpus_of(Placement::smt_sibling().resolve(topology)),
            (RoleCpus{.sender = 1, .ni = 0, .receiver = 2, .contexts = {2, 3}}));
}

TEST(Placement, TakesDifferentCoresForTheSameCache) {
  const Topology topology = topology_of(record_smt_desktop);
  // No third core: the sender has a CPU of its own, the NI's sibling.
  EXPECT_EQ(cpus_of(place("same-llc", topology)),
            (RoleCpus{.sender = 2, .ni = 0, .receiver = 1, .contexts = {1, 3}}));
}

TEST(Placement, FindsEveryShapeOnALargeServer) {
  const Topology topology = topology_of(record_complexes);
  for (const std::string_view name : kPlacementNames) {
    const RoleCpus cpus = cpus_of(place(name, topology));
    EXPECT_EQ(kPlacementNames[static_cast<std::size_t>(
                  shape_of(*topology.find(cpus.ni), *topology.find(cpus.receiver)))],
              name);
  }
  const RoleCpus same_node = cpus_of(place("same-node", topology));
  EXPECT_EQ(same_node.receiver, 2);
  EXPECT_EQ(same_node.sender, 1);  // a core of its own, nearest to the NI
  EXPECT_EQ(cpus_of(place("cross-node", topology)).receiver, 4);
}

TEST(Placement, LetsContextsTakeTheNearestCpusFirst) {
  const Topology topology = topology_of(record_complexes);
  EXPECT_EQ(cpus_of(place("smt-sibling", topology)).contexts,
            (std::vector<int>{8, 9, 2, 3, 10, 11, 4, 5, 6, 7, 12, 13, 14, 15}));
}

TEST(Placement, OnTwoCpusPutsTheSenderWithTheNi) {
  const Topology topology = topology_of(record_small_guest);
  EXPECT_EQ(cpus_of(place("same-llc", topology)),
            (RoleCpus{.sender = 0, .ni = 0, .receiver = 1, .contexts = {1}}));
}

TEST(Placement, OnOneCpuPutsEverythingThere) {
  const Topology topology = topology_of(record_one_cpu);
  EXPECT_EQ(cpus_of(place("same-cpu", topology)),
            (RoleCpus{.sender = 0, .ni = 0, .receiver = 0, .contexts = {0}}));
}

TEST(Placement, SaysWhyTheMachineHasNoSuchPair) {
  const Topology guest = topology_of(record_small_guest);
  expect_unsupported("smt-sibling", guest,
                     "smt-sibling: no SMT: every core has one thread among the 2 usable CPUs");
  expect_unsupported("same-node", guest,
                     "same-node: no NUMA node has two last-level caches among the 2 usable CPUs");
  expect_unsupported("cross-node", guest, "cross-node: only one NUMA node among the 2 usable CPUs");
  expect_unsupported("same-llc", topology_of(record_one_cpu), "same-llc: only one CPU may be used");
}

TEST(Placement, NamesTheAcceptedNamesForAnUnknownOne) {
  const auto placed = place("sibling", topology_of(record_small_guest));
  ASSERT_FALSE(placed);
  EXPECT_EQ(placed.error().kind, Error::Kind::invalid);
  EXPECT_EQ(placed.error().what,
            "no placement is named 'sibling'; accepted: smt-sibling, same-llc, same-node, "
            "cross-node, same-cpu, nearest");
}

TEST(Placement, ListsWhatTheMachineHasNearestFirst) {
  using Names = std::vector<std::string>;
  EXPECT_EQ(names_of(available_placements(topology_of(record_complexes))),
            (Names{"smt-sibling", "same-llc", "same-node", "cross-node", "same-cpu"}));
  EXPECT_EQ(names_of(available_placements(topology_of(record_small_guest))),
            (Names{"same-llc", "same-cpu"}));
  EXPECT_EQ(names_of(available_placements(topology_of(record_one_cpu))), (Names{"same-cpu"}));
}

TEST(Placement, NearestTakesTheFirstShapeThatTheMachineHas) {
  EXPECT_EQ(cpus_of(place("nearest", topology_of(record_smt_desktop))).receiver, 2);
  EXPECT_EQ(cpus_of(place("nearest", topology_of(record_small_guest))).receiver, 1);
  EXPECT_EQ(cpus_of(place("nearest", topology_of(record_one_cpu))).receiver, 0);
}

TEST(Placement, GivesTheReceiverTheNearestNi) {
  const Topology server = topology_of(record_complexes);
  EXPECT_EQ(ni_cpu_for(5, server), 13);
  EXPECT_EQ(ni_cpu_for(1, topology_of(record_small_guest)), 0);
  EXPECT_EQ(ni_cpu_for(0, topology_of(record_one_cpu)), 0);
  EXPECT_EQ(ni_cpu_for(16, server).error().kind, Error::Kind::invalid);
}

TEST(Placement, TakesGivenCpusAndRejectsAbsentOnes) {
  const Topology topology = topology_of(record_small_guest);
  EXPECT_EQ(cpus_of(Placement::at({.sender = 0, .ni = 1, .receiver = 0}).resolve(topology)),
            (RoleCpus{.sender = 0, .ni = 1, .receiver = 0, .contexts = {0}}));
  const auto absent = Placement::at({.sender = 0, .ni = 2, .receiver = 0}).resolve(topology);
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().kind, Error::Kind::invalid);
  EXPECT_EQ(absent.error().what, "CPU 2 is offline or not allowed to this process");
}

}  // namespace
}  // namespace smtni
