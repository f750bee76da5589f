#include "core/environment.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

#include "tests/unit/recorded_tree.h"

namespace smtni {
namespace {

void record_guest_settings(RecordedTree& tree) {
  record_small_guest(tree);
  tree.write("proc/cpuinfo",
             "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel\t\t: 207\n"
             "model name\t: Intel(R) Xeon(R) Processor\n"
             "flags\t\t: fpu tsc constant_tsc nonstop_tsc hypervisor 3dnowprefetch rtm cldemote\n"
             "\nprocessor\t: 1\nvendor_id\t: GenuineIntel");
  tree.write("proc/sys/kernel/osrelease", "6.18.44");
  tree.write("proc/sys/kernel/version", "#1 SMP PREEMPT_DYNAMIC Mon Jan 5 2026");
  tree.write("proc/sys/kernel/perf_event_paranoid", "2");
  tree.write("proc/sys/kernel/sched_rt_runtime_us", "-1");
  tree.write("proc/sys/kernel/sched_rt_period_us", "1000000");
  tree.write("sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc");
  tree.write("sys/devices/system/cpu/cpuidle/current_driver", "haltpoll");
  tree.write("sys/devices/system/cpu/cpuidle/current_governor", "haltpoll");
  tree.write("sys/devices/system/cpu/vulnerabilities/meltdown", "Not affected");
  tree.write("sys/devices/system/cpu/vulnerabilities/spectre_v2", "Mitigation: Retpolines");
  tree.write("sys/devices/system/cpu/vulnerabilities/retbleed", "Vulnerable");
  tree.write("sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never");
  tree.write("sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "7");
  tree.write("sys/module/haltpoll/parameters/guest_halt_poll_ns", "0");
  tree.write("sys/class/dmi/id/sys_vendor", "QEMU");
}

Environment read_tree(const RecordedTree& tree) {
  auto environment = Environment::read(tree.root());
  EXPECT_TRUE(environment) << environment.error().what;
  return environment.value_or(Environment{});
}

bool warns_of(const Environment& environment, std::string_view text) {
  const auto warnings = noise_warnings(environment);
  return std::any_of(warnings.begin(), warnings.end(), [text](const std::string& warning) {
    return warning.find(text) != std::string::npos;
  });
}

// A machine that no warning applies to.
Environment quiet_machine() {
  Environment environment;
  environment.cpus_online = 8;
  environment.cpus_usable = 8;
  environment.tsc_invariant = true;
  environment.clocksource = "tsc";
  environment.governor = "performance";
  environment.hypervisor = "none";
  environment.sanitizers = "none";
  environment.hot_path_checks = false;
  return environment;
}

TEST(Environment, DescribesTheProcessorOfARecordedGuest) {
  RecordedTree tree;
  record_guest_settings(tree);
  const Environment environment = read_tree(tree);
  EXPECT_EQ(environment.cpu_model, "Intel(R) Xeon(R) Processor");
  EXPECT_EQ(environment.cpu_vendor, "GenuineIntel");
  EXPECT_EQ(environment.cpus_online, 2);
  EXPECT_EQ(environment.cores, 2);
  EXPECT_FALSE(environment.smt);
  EXPECT_EQ(environment.caches, "L1d 32K, L1i 32K, L2 32K, L3 32K");
  EXPECT_EQ(environment.cpu_features, "rtm cldemote prefetchw");
  EXPECT_TRUE(environment.tsc_invariant);
  EXPECT_EQ(environment.tsc_mhz, std::nullopt);
  EXPECT_TRUE(environment.virtualised);
  EXPECT_EQ(environment.hypervisor, "QEMU");
}

TEST(Environment, DescribesTheKernelOfARecordedGuest) {
  RecordedTree tree;
  record_guest_settings(tree);
  const Environment environment = read_tree(tree);
  EXPECT_EQ(environment.kernel, "6.18.44");
  EXPECT_EQ(environment.preemption, "dynamic");
  EXPECT_EQ(environment.clocksource, "tsc");
  EXPECT_EQ(environment.mitigations, "retbleed: Vulnerable; spectre_v2: Mitigation: Retpolines");
  EXPECT_EQ(environment.governor, "none");
  EXPECT_EQ(environment.cpuidle_driver, "haltpoll");
  EXPECT_EQ(environment.guest_halt_poll_ns, 0);
  EXPECT_EQ(environment.perf_event_paranoid, 2);
  EXPECT_EQ(environment.huge_pages_2mib, 7);
  EXPECT_EQ(environment.transparent_huge_pages, "madvise");
  EXPECT_EQ(environment.rt_runtime_us, -1);
  EXPECT_EQ(environment.rt_period_us, 1000000);
}

TEST(Environment, TellsTheModeOfDynamicPreemption) {
  RecordedTree tree;
  record_guest_settings(tree);
  tree.write("sys/kernel/debug/sched/preempt", "none voluntary (full) lazy");
  EXPECT_EQ(read_tree(tree).preemption, "full");
  tree.write("sys/kernel/realtime", "1");
  EXPECT_EQ(read_tree(tree).preemption, "rt");
}

TEST(Environment, SeesSmtAndTheGovernorOfADesktop) {
  RecordedTree tree;
  record_smt_desktop(tree);
  tree.write("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "powersave");
  tree.write("proc/cpuinfo", "flags : waitpkg uintr movdir64b");
  const Environment environment = read_tree(tree);
  EXPECT_TRUE(environment.smt);
  EXPECT_EQ(environment.governor, "powersave");
  EXPECT_EQ(environment.cpu_features, "waitpkg uintr movdir64b");
  EXPECT_FALSE(environment.virtualised);
  EXPECT_EQ(environment.hypervisor, "none");
}

TEST(Environment, LeavesUnknownWhatTheKernelDoesNotTell) {
  RecordedTree tree;
  record_one_cpu(tree);
  const Environment environment = read_tree(tree);
  EXPECT_EQ(environment.cpu_model, "unknown");
  EXPECT_EQ(environment.cpu_features, "none");
  EXPECT_EQ(environment.kernel, "unknown");
  EXPECT_EQ(environment.preemption, "unknown");
  EXPECT_EQ(environment.mitigations, "unknown");
  EXPECT_EQ(environment.caches, "unknown");
  EXPECT_EQ(environment.guest_halt_poll_ns, std::nullopt);
}

TEST(Environment, TakesMalformedNumbersForUnknown) {
  RecordedTree tree;
  record_guest_settings(tree);
  tree.write("proc/sys/kernel/perf_event_paranoid", "two");
  tree.write("sys/module/haltpoll/parameters/guest_halt_poll_ns", "99999999999999999999");
  const Environment environment = read_tree(tree);
  EXPECT_EQ(environment.perf_event_paranoid, std::nullopt);
  EXPECT_EQ(environment.guest_halt_poll_ns, std::nullopt);
}

TEST(Environment, FailsAsTheTopologyDoes) {
  RecordedTree tree;
  tree.write("sys/devices/system/cpu/online", "none");
  const auto environment = Environment::read(tree.root());
  ASSERT_FALSE(environment);
  EXPECT_EQ(environment.error().kind, Error::Kind::invalid);
}

TEST(Environment, OfThisMachineKnowsItsBuild) {
  const auto environment = Environment::read();
  ASSERT_TRUE(environment) << environment.error().what;
  EXPECT_NE(environment->compiler, "");
  EXPECT_NE(environment->build_type, "");
  EXPECT_NE(environment->commit, "");
  EXPECT_NE(environment->kernel, "unknown");
  EXPECT_GE(environment->cpus_usable, 1);
}

TEST(Environment, VisitsEveryFieldOnceUnderItsOwnName) {
  Environment environment;
  std::set<std::string> names;
  int visits = 0;
  for_each_field(environment, [&](std::string_view name, const auto&) {
    names.emplace(name);
    ++visits;
  });
  EXPECT_EQ(visits, 34);
  EXPECT_EQ(names.size(), 34U);
  for_each_field(environment, [](std::string_view name, auto& value) {
    if constexpr (std::is_same_v<std::decay_t<decltype(value)>, std::string>) value = name;
  });
  EXPECT_EQ(environment.cpu_model, "cpu_model");
  EXPECT_EQ(environment.governor, "governor");
  EXPECT_EQ(environment.sanitizers, "sanitizers");
}

TEST(NoiseWarnings, AreSilentOnAQuietMachine) {
  EXPECT_EQ(noise_warnings(quiet_machine()), std::vector<std::string>{});
}

TEST(NoiseWarnings, NameEachThingThatDisturbs) {
  const auto with = [](auto change) {
    Environment environment = quiet_machine();
    change(environment);
    return environment;
  };
  EXPECT_TRUE(warns_of(with([](Environment& one) { one.hot_path_checks = true; }), "release"));
  EXPECT_TRUE(warns_of(with([](Environment& one) { one.sanitizers = "thread"; }), "thread"));
  EXPECT_TRUE(warns_of(with([](Environment& one) { one.virtualised = true; }), "virtualised"));
  EXPECT_TRUE(warns_of(with([](Environment& one) { one.governor = "powersave"; }), "powersave"));
  EXPECT_TRUE(warns_of(with([](Environment& one) { one.cpus_usable = 1; }), "fewer than 2"));
  EXPECT_TRUE(warns_of(with([](Environment& one) { one.cpus_usable = 4; }), "only 4 of 8"));
  EXPECT_TRUE(warns_of(with([](Environment& one) { one.tsc_invariant = false; }), "invariant"));
  EXPECT_TRUE(warns_of(with([](Environment& one) { one.clocksource = "hpet"; }), "hpet"));
}

TEST(NoiseWarnings, TellThatBlockingCostsAnExitOnlyWhereItDoes) {
  Environment environment = quiet_machine();
  environment.guest_halt_poll_ns = 0;
  EXPECT_FALSE(warns_of(environment, "exit to the host"));
  environment.virtualised = true;
  EXPECT_TRUE(warns_of(environment, "exit to the host"));
  environment.guest_halt_poll_ns = 200000;
  EXPECT_FALSE(warns_of(environment, "exit to the host"));
}

}  // namespace
}  // namespace smtni
