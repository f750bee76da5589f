#include "core/environment.h"

#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <set>
#include <string_view>
#include <system_error>

#include "core/internal/build.h"
#include "core/internal/files.h"
#include "core/topology.h"
#include "core/tsc_clock.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace smtni {
namespace {

using internal::count_in;
using internal::read_text;
using internal::split;
using internal::text_or;

constexpr std::string_view kRealRoot = "/";
constexpr std::string_view kUnknown = "unknown";

// The value of the first line "key : value" of /proc/cpuinfo; empty when there is none.
std::string_view cpuinfo_value(std::string_view cpuinfo, std::string_view key) {
  for (const std::string_view line : split(cpuinfo, '\n')) {
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || !line.starts_with(key)) continue;
    if (line.substr(0, colon).find_last_not_of(" \t") + 1 != key.size()) continue;
    const std::size_t value = line.find_first_not_of(" \t", colon + 1);
    return value == std::string_view::npos ? std::string_view() : line.substr(value);
  }
  return {};
}

std::string first_known(std::initializer_list<std::string_view> values) {
  for (const std::string_view value : values) {
    if (!value.empty()) return std::string(value);
  }
  return std::string(kUnknown);
}

std::string join(const std::vector<std::string>& pieces, std::string_view separator) {
  std::string text;
  for (const std::string& piece : pieces) {
    if (!text.empty()) text += separator;
    text += piece;
  }
  return text;
}

// The chosen word of "always [madvise] never"; the whole text where none is in brackets.
std::string chosen_word(const std::string& text, char open, char close) {
  const std::size_t begin = text.find(open);
  const std::size_t end = text.find(close, begin);
  if (begin == std::string::npos || end == std::string::npos) return text;
  return text.substr(begin + 1, end - begin - 1);
}

std::string caches_of(const std::string& cpu_directory) {
  std::vector<std::string> caches;
  for (int index = 0; index < 16; ++index) {
    const std::string cache = cpu_directory + "/cache/index" + std::to_string(index);
    const auto level = read_text(cache + "/level");
    if (!level) break;
    const std::string type = text_or(cache + "/type", "");
    const std::string_view kind = type == "Data" ? "d" : type == "Instruction" ? "i" : "";
    caches.push_back("L" + *level + std::string(kind) + " " + text_or(cache + "/size", kUnknown));
  }
  return caches.empty() ? std::string(kUnknown) : join(caches, ", ");
}

struct Feature {
  std::string_view ours;
  std::string_view in_cpuinfo;
};
constexpr std::array<Feature, 6> kFeatures = {{{"rtm", "rtm"},
                                               {"waitpkg", "waitpkg"},
                                               {"uintr", "uintr"},
                                               {"cldemote", "cldemote"},
                                               {"movdir64b", "movdir64b"},
                                               {"prefetchw", "3dnowprefetch"}}};

std::string mitigations(const std::string& directory) {
  // The iterator's error ends it: a tree without the directory has no list.
  std::error_code error;
  std::vector<std::string> states;
  for (std::filesystem::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string state = text_or(entry->path().string(), kUnknown);
    if (state != "Not affected") states.push_back(entry->path().filename().string() + ": " + state);
  }
  if (error) return std::string(kUnknown);
  std::sort(states.begin(), states.end());
  return states.empty() ? "none needed" : join(states, "; ");
}

std::string preemption(const std::string& root) {
  if (text_or(root + "/sys/kernel/realtime", "0") == "1") return "rt";
  std::string version = text_or(root + "/proc/sys/kernel/version", kUnknown);
  if (version == kUnknown) return version;
  if (version.find("PREEMPT_RT") != std::string::npos) return "rt";
  if (version.find("PREEMPT_DYNAMIC") != std::string::npos) {
    return chosen_word(text_or(root + "/sys/kernel/debug/sched/preempt", "dynamic"), '(', ')');
  }
  return version.find("PREEMPT") != std::string::npos ? "full" : "none or voluntary";
}

std::string hypervisor(const std::string& root) {
  std::string type = text_or(root + "/sys/hypervisor/type", "");
  if (!type.empty()) return type;
#if defined(__x86_64__)
  if (root == kRealRoot) {
    // The signature stands in EBX, ECX, EDX of the first leaf that hypervisors use.
    std::array<unsigned, 3> signature{};
    unsigned eax = 0;
    __cpuid(0x40000000U, eax, signature[0], signature[1], signature[2]);
    const std::string_view text(reinterpret_cast<const char*>(signature.data()), sizeof signature);
    return std::string(text.substr(0, text.find('\0')));
  }
#endif
  return text_or(root + "/sys/class/dmi/id/sys_vendor", kUnknown);
}

void read_processor(const std::string& root, const Topology& topology, Environment& environment) {
  const std::string cpus = root + "/sys/devices/system/cpu";
  const std::string cpuinfo = text_or(root + "/proc/cpuinfo", "");
  environment.cpu_model =
      first_known({cpuinfo_value(cpuinfo, "model name"), cpuinfo_value(cpuinfo, "CPU part")});
  environment.cpu_vendor =
      first_known({cpuinfo_value(cpuinfo, "vendor_id"), cpuinfo_value(cpuinfo, "CPU implementer")});
  const auto online = internal::list_in(cpus + "/online");
  environment.cpus_online = online ? static_cast<std::int64_t>(online->size()) : 0;
  environment.cpus_usable = static_cast<std::int64_t>(topology.processors().size());
  environment.cores = topology.count(&Processor::core);
  environment.packages = topology.count(&Processor::package);
  environment.llcs = topology.count(&Processor::llc);
  environment.numa_nodes = topology.count(&Processor::node);
  environment.smt = environment.cores < environment.cpus_usable;
  const std::string first_cpu = cpus + "/cpu" + std::to_string(topology.processors().front().cpu);
  environment.caches = caches_of(first_cpu);
  environment.governor = text_or(first_cpu + "/cpufreq/scaling_governor", "none");

  const auto words = split(cpuinfo_value(cpuinfo, "flags"), ' ');
  const std::set<std::string_view> flags(words.begin(), words.end());
  std::vector<std::string> features;
  for (const Feature& feature : kFeatures) {
    if (flags.contains(feature.in_cpuinfo)) features.emplace_back(feature.ours);
  }
  environment.cpu_features = features.empty() ? "none" : join(features, " ");
  environment.tsc_invariant = flags.contains("constant_tsc") && flags.contains("nonstop_tsc");
  if (root == kRealRoot) {
    if (const auto clock = TscClock::calibrate()) environment.tsc_mhz = clock->megahertz();
  }
  environment.virtualised =
      flags.contains("hypervisor") || read_text(root + "/sys/hypervisor/type").has_value();
  environment.hypervisor = environment.virtualised ? hypervisor(root) : "none";
}

void read_kernel(const std::string& root, Environment& environment) {
  const std::string settings = root + "/proc/sys/kernel";
  const std::string system = root + "/sys/devices/system";
  environment.kernel = text_or(settings + "/osrelease", kUnknown);
  environment.preemption = preemption(root);
  environment.clocksource =
      text_or(system + "/clocksource/clocksource0/current_clocksource", kUnknown);
  environment.mitigations = mitigations(system + "/cpu/vulnerabilities");
  environment.cpuidle_driver = text_or(system + "/cpu/cpuidle/current_driver", "none");
  environment.cpuidle_governor =
      text_or(system + "/cpu/cpuidle/current_governor",
              text_or(system + "/cpu/cpuidle/current_governor_ro", "none"));
  environment.guest_halt_poll_ns =
      count_in(root + "/sys/module/haltpoll/parameters/guest_halt_poll_ns");
  environment.perf_event_paranoid = count_in(settings + "/perf_event_paranoid");
  environment.huge_pages_2mib =
      count_in(root + "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages");
  environment.transparent_huge_pages =
      chosen_word(text_or(root + "/sys/kernel/mm/transparent_hugepage/enabled", "none"), '[', ']');
  environment.rt_runtime_us = count_in(settings + "/sched_rt_runtime_us");
  environment.rt_period_us = count_in(settings + "/sched_rt_period_us");
  rlimit limit{};
  if (::getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
    environment.memlock_limit_bytes = static_cast<std::int64_t>(limit.rlim_cur);
  }
}

void describe_build(Environment& environment) {
  const internal::Build build = internal::this_build();
  environment.compiler = build.compiler;
  environment.build_type = build.build_type;
  environment.commit = build.commit;
  environment.sanitizers = build.sanitizers;
  environment.hot_path_checks = build.hot_path_checks;
}

}  // namespace

Result<Environment> Environment::read(const std::string& root) {
  // With the real root this must be the default, which obeys the affinity mask.
  const auto topology =
      root == kRealRoot ? Topology::read() : Topology::read({.root = root + "/sys"});
  if (!topology) return tl::unexpected(topology.error());
  Environment environment;
  read_processor(root, *topology, environment);
  read_kernel(root, environment);
  describe_build(environment);
  return environment;
}

std::vector<std::string> noise_warnings(const Environment& environment) {
  std::vector<std::string> warnings;
  const auto warn_if = [&warnings](bool holds, std::string text) {
    if (holds) warnings.push_back(std::move(text));
  };
  warn_if(environment.hot_path_checks,
          "this build checks contracts on the hot path: use the release preset");
  warn_if(environment.sanitizers != "none",
          "built with a sanitizer (" + environment.sanitizers + "): figures mean nothing");
  warn_if(environment.virtualised,
          "virtualised (" + environment.hypervisor + "): the host may take the CPU at any moment");
  warn_if(environment.virtualised && environment.guest_halt_poll_ns == 0,
          "guest_halt_poll_ns is 0: every wake-up of a blocked thread costs an exit to the host");
  warn_if(environment.governor != "none" && environment.governor != "performance",
          "the frequency governor is " + environment.governor + ", not performance");
  warn_if(environment.cpus_usable < 2,
          "fewer than 2 usable CPUs: both sides take turns on one, and no cache line moves");
  warn_if(environment.cpus_usable < environment.cpus_online,
          "only " + std::to_string(environment.cpus_usable) + " of " +
              std::to_string(environment.cpus_online) + " CPUs are allowed to this process");
  warn_if(!environment.tsc_invariant, "the time-stamp counter is not known to be invariant");
  warn_if(environment.clocksource != "tsc" && environment.clocksource != "arch_sys_counter",
          "the clock source is " + environment.clocksource +
              ": reading the time may cost a system call");
  return warnings;
}

}  // namespace smtni
