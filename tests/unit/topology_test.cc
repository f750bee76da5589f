#include "core/topology.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <vector>

#include "tests/unit/recorded_tree.h"

namespace smtni {
namespace {

Topology read_tree(const RecordedTree& tree) {
  auto topology = Topology::read({.root = tree.sys()});
  EXPECT_TRUE(topology) << topology.error().what;
  return *std::move(topology);
}

Error error_of(const TopologyOptions& options) {
  const auto topology = Topology::read(options);
  EXPECT_FALSE(topology);
  return topology.error();
}

std::vector<int> cpus_of(const Topology& topology) {
  std::vector<int> cpus;
  for (const Processor& processor : topology.processors()) cpus.push_back(processor.cpu);
  return cpus;
}

TEST(Topology, ReadsTwoWaySmtBehindOneCache) {
  RecordedTree tree;
  record_smt_desktop(tree);
  const Topology topology = read_tree(tree);
  ASSERT_EQ(topology.processors().size(), 4U);
  EXPECT_EQ(topology.processors()[3],
            (Processor{.cpu = 3, .core = 1, .llc = 0, .package = 0, .node = 0}));
  EXPECT_EQ(topology.smt_siblings(1), std::vector<int>{3});
  EXPECT_EQ(topology.count(&Processor::core), 2);
  EXPECT_EQ(topology.count(&Processor::llc), 1);
}

TEST(Topology, ReadsTwoSocketsWithSeveralCachesAndNodes) {
  RecordedTree tree;
  record_complexes(tree);
  const Topology topology = read_tree(tree);
  ASSERT_NE(topology.find(15), nullptr);
  EXPECT_EQ(*topology.find(15),
            (Processor{.cpu = 15, .core = 7, .llc = 6, .package = 4, .node = 1}));
  EXPECT_EQ(*topology.find(10),
            (Processor{.cpu = 10, .core = 2, .llc = 2, .package = 0, .node = 0}));
  EXPECT_EQ(topology.count(&Processor::core), 8);
  EXPECT_EQ(topology.count(&Processor::llc), 4);
  EXPECT_EQ(topology.count(&Processor::package), 2);
  EXPECT_EQ(topology.count(&Processor::node), 2);
}

TEST(Topology, ReadsASmallGuestWithoutSmt) {
  RecordedTree tree;
  record_small_guest(tree);
  const Topology topology = read_tree(tree);
  EXPECT_EQ(topology.count(&Processor::core), 2);
  EXPECT_EQ(topology.count(&Processor::llc), 1);
  EXPECT_TRUE(topology.smt_siblings(0).empty());
}

TEST(Topology, ReadsOneCpuWithoutCachesOrNodes) {
  RecordedTree tree;
  record_one_cpu(tree);
  const Topology topology = read_tree(tree);
  ASSERT_EQ(topology.processors().size(), 1U);
  EXPECT_EQ(topology.processors()[0], Processor{});
}

TEST(Topology, TakesThePackageForACacheThatIsNotDescribed) {
  RecordedTree tree;
  tree.add_cpus(
      "0-3", {{0, "0", "", "0-1"}, {1, "1", "", "0-1"}, {2, "2", "", "2-3"}, {3, "3", "", "2-3"}});
  const Topology topology = read_tree(tree);
  EXPECT_EQ(topology.find(1)->llc, 0);
  EXPECT_EQ(topology.find(3)->llc, 2);
}

TEST(Topology, UnderstandsTheFileNamesOfOldKernels) {
  RecordedTree tree;
  tree.add_cpus("0-1", {{0, "", "", ""}, {1, "", "", ""}});
  for (const std::string cpu : {"cpu0", "cpu1"}) {
    tree.write("sys/devices/system/cpu/" + cpu + "/topology/thread_siblings_list", "0-1");
    tree.write("sys/devices/system/cpu/" + cpu + "/topology/core_siblings_list", "0-1");
  }
  EXPECT_EQ(read_tree(tree).smt_siblings(0), std::vector<int>{1});
}

TEST(Topology, LeavesOutOfflineCpus) {
  RecordedTree tree;
  record_smt_desktop(tree);
  // With CPU 2 offline the kernel takes it out of every list and its directories away.
  tree.add_cpus("0-1,3", {{0, "0", "0-1,3", "0-1,3"}});
  const Topology topology = read_tree(tree);
  EXPECT_EQ(cpus_of(topology), (std::vector<int>{0, 1, 3}));
  EXPECT_TRUE(topology.smt_siblings(0).empty());
  EXPECT_EQ(topology.smt_siblings(1), std::vector<int>{3});
}

TEST(Topology, KeepsOnlyAllowedCpus) {
  RecordedTree tree;
  record_complexes(tree);
  const auto topology =
      Topology::read({.root = tree.sys(), .allowed = std::vector<int>{9, 1, 4, 77}});
  ASSERT_TRUE(topology);
  EXPECT_EQ(cpus_of(*topology), (std::vector<int>{1, 4, 9}));
}

TEST(Topology, IsInvalidWhenNoAllowedCpuIsOnline) {
  RecordedTree tree;
  record_small_guest(tree);
  EXPECT_EQ(error_of({.root = tree.sys(), .allowed = std::vector<int>{5}}).kind,
            Error::Kind::invalid);
}

TEST(Topology, IsUnsupportedWithoutSysfs) {
  const RecordedTree tree;
  const Error error = error_of({.root = tree.sys()});
  EXPECT_EQ(error.kind, Error::Kind::unsupported);
  EXPECT_EQ(error.what, "no " + tree.sys() + "/devices/system/cpu/online");
}

struct BadFile {
  std::string path;
  std::string text;
};

class MalformedTopology : public testing::TestWithParam<BadFile> {};

TEST_P(MalformedTopology, IsInvalidAndNamesTheFile) {
  RecordedTree tree;
  record_smt_desktop(tree);
  tree.write("sys/devices/system/" + GetParam().path, GetParam().text);
  const Error error = error_of({.root = tree.sys()});
  EXPECT_EQ(error.kind, Error::Kind::invalid);
  EXPECT_NE(error.what.find(GetParam().path), std::string::npos) << error.what;
}

INSTANTIATE_TEST_SUITE_P(Files, MalformedTopology,
                         testing::Values(BadFile{"cpu/online", "0-x"}, BadFile{"cpu/online", "3-1"},
                                         BadFile{"cpu/online", "0-4294967295"},
                                         BadFile{"cpu/online", "-1"},
                                         BadFile{"cpu/cpu1/topology/core_cpus_list", "one"},
                                         BadFile{"cpu/cpu1/topology/core_cpus_list", "0,2"},
                                         BadFile{"cpu/cpu1/topology/core_cpus_list", ""},
                                         BadFile{"cpu/cpu2/topology/package_cpus_list", "0-1,,2-"},
                                         BadFile{"cpu/cpu2/cache/index3/level", "third"},
                                         BadFile{"cpu/cpu2/cache/index3/level", "0"},
                                         BadFile{"cpu/cpu2/cache/index3/shared_cpu_list", "4-5"},
                                         BadFile{"node/online", "0 1"},
                                         BadFile{"node/node0/cpulist", "0-99999"}));

TEST(Topology, OfThisMachineHoldsTheCpuThatRunsThisTest) {
  const auto topology = Topology::read();
  ASSERT_TRUE(topology) << topology.error().what;
  EXPECT_NE(topology->find(::sched_getcpu()), nullptr);
}

TEST(Topology, OfThisMachineObeysTheAffinityMask) {
  cpu_set_t before;
  ASSERT_EQ(::sched_getaffinity(0, sizeof before, &before), 0);
  const int cpu = ::sched_getcpu();
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(static_cast<std::size_t>(cpu), &one);
  ASSERT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);
  const auto topology = Topology::read();
  ASSERT_EQ(::sched_setaffinity(0, sizeof before, &before), 0);
  ASSERT_TRUE(topology) << topology.error().what;
  EXPECT_EQ(cpus_of(*topology), std::vector<int>{cpu});
}

}  // namespace
}  // namespace smtni
