#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/result.h"

namespace smtni {

/// The machine, the kernel and the build, as far as results depend on them. Text that cannot be
/// found out is "unknown"; an absent number is nothing. A new member is listed here and in
/// for_each_field(), and nowhere else.
struct Environment {
  // The processor.
  std::string cpu_model;
  std::string cpu_vendor;
  std::int64_t cpus_online = 0;
  std::int64_t cpus_usable = 0;  ///< by this process; the counts below are of these
  std::int64_t cores = 0;
  std::int64_t packages = 0;
  std::int64_t llcs = 0;
  std::int64_t numa_nodes = 0;
  bool smt = false;          ///< some usable core has two usable threads
  std::string caches;        ///< of the first CPU: "L1d 48K, L1i 32K, L2 2048K, L3 266240K"
  std::string cpu_features;  ///< those of rtm waitpkg uintr cldemote movdir64b prefetchw it has
  std::optional<double> tsc_mhz;  ///< measured; nothing for a recorded tree
  bool tsc_invariant = false;
  // The kernel and its settings.
  std::string kernel;
  std::string preemption;  ///< "none", "voluntary", "full", "rt" or "dynamic" (mode not readable)
  std::string clocksource;
  std::string mitigations;  ///< those vulnerabilities that are not "Not affected", with their state
  std::string governor;  ///< of the first usable CPU; "none" where frequency is not Linux's affair
  std::string cpuidle_driver;
  std::string cpuidle_governor;
  std::optional<std::int64_t> guest_halt_poll_ns;
  bool virtualised = false;
  std::string hypervisor;  ///< its own signature; "none" on bare metal
  std::optional<std::int64_t> perf_event_paranoid;
  std::optional<std::int64_t> huge_pages_2mib;  ///< in the pool
  std::string transparent_huge_pages;
  std::optional<std::int64_t> memlock_limit_bytes;  ///< nothing: unlimited
  std::optional<std::int64_t> rt_runtime_us;        ///< of each rt_period_us; -1: no throttling
  std::optional<std::int64_t> rt_period_us;
  // The build.
  std::string compiler;
  std::string build_type;
  std::string commit;  ///< "-dirty" behind it when sources differ; "unknown" outside git
  std::string sanitizers;
  bool hot_path_checks = false;

  /// Reads sysfs and procfs under `root`; this process's limits and the build are always its own.
  /// Fails as Topology::read() does; whatever else is missing is left unknown.
  /// COST: some 100 small files; with the real root also 20 ms for the TSC's rate.
  static Result<Environment> read(const std::string& root = "/");
};

/// Calls `visit("cpu_model", environment.cpu_model)` and so on for every member, in the order of
/// the struct. Printing, parsing and comparing are written with it. Works on const and other
/// environments; the binding fails to compile when a member is added to the struct alone.
template <class AnyEnvironment, class Visit>
void for_each_field(AnyEnvironment& environment, Visit visit) {
  // clang-format off
  auto& [cpu_model, cpu_vendor, cpus_online, cpus_usable, cores, packages, llcs, numa_nodes, smt,
         caches, cpu_features, tsc_mhz, tsc_invariant, kernel, preemption, clocksource, mitigations,
         governor, cpuidle_driver, cpuidle_governor, guest_halt_poll_ns, virtualised, hypervisor,
         perf_event_paranoid, huge_pages_2mib, transparent_huge_pages, memlock_limit_bytes,
         rt_runtime_us, rt_period_us, compiler, build_type, commit, sanitizers, hot_path_checks] =
      environment;
  // clang-format on
  visit("cpu_model", cpu_model);
  visit("cpu_vendor", cpu_vendor);
  visit("cpus_online", cpus_online);
  visit("cpus_usable", cpus_usable);
  visit("cores", cores);
  visit("packages", packages);
  visit("llcs", llcs);
  visit("numa_nodes", numa_nodes);
  visit("smt", smt);
  visit("caches", caches);
  visit("cpu_features", cpu_features);
  visit("tsc_mhz", tsc_mhz);
  visit("tsc_invariant", tsc_invariant);
  visit("kernel", kernel);
  visit("preemption", preemption);
  visit("clocksource", clocksource);
  visit("mitigations", mitigations);
  visit("governor", governor);
  visit("cpuidle_driver", cpuidle_driver);
  visit("cpuidle_governor", cpuidle_governor);
  visit("guest_halt_poll_ns", guest_halt_poll_ns);
  visit("virtualised", virtualised);
  visit("hypervisor", hypervisor);
  visit("perf_event_paranoid", perf_event_paranoid);
  visit("huge_pages_2mib", huge_pages_2mib);
  visit("transparent_huge_pages", transparent_huge_pages);
  visit("memlock_limit_bytes", memlock_limit_bytes);
  visit("rt_runtime_us", rt_runtime_us);
  visit("rt_period_us", rt_period_us);
  visit("compiler", compiler);
  visit("build_type", build_type);
  visit("commit", commit);
  visit("sanitizers", sanitizers);
  visit("hot_path_checks", hot_path_checks);
}

/// One line each, without a full stop: what in this environment makes figures worse than they need
/// be or hard to compare. Empty on a quiet, well-set machine with the measured build.
std::vector<std::string> noise_warnings(const Environment& environment);

}  // namespace smtni
