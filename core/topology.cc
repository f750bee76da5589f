#include "core/topology.h"

#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <set>

#include "core/expect.h"
#include "core/internal/files.h"

namespace smtni {
namespace {

using internal::count_in;
using internal::list_in;
using internal::read_text;

Result<std::vector<int>> affinity_mask() {
  // The kernel rejects a set smaller than its own, so grow until it fits.
  for (std::size_t sets = 1; sets <= 64; sets *= 2) {
    std::vector<cpu_set_t> mask(sets);
    const std::size_t size = sets * sizeof(cpu_set_t);
    if (::sched_getaffinity(0, size, mask.data()) == 0) {
      std::vector<int> cpus;
      for (std::size_t cpu = 0; cpu < sets * CPU_SETSIZE; ++cpu) {
        if (CPU_ISSET_S(cpu, size, mask.data())) cpus.push_back(static_cast<int>(cpu));
      }
      return cpus;
    }
    if (errno != EINVAL) break;
  }
  return system_failure("sched_getaffinity", errno);
}

Result<std::vector<int>> usable_cpus(const TopologyOptions& options) {
  auto online = list_in(options.root + "/devices/system/cpu/online");
  if (!online) return online;
  std::vector<int> allowed = *online;
  if (options.allowed) {
    allowed = *options.allowed;
    std::sort(allowed.begin(), allowed.end());
  } else if (options.root == TopologyOptions{}.root) {
    auto mask = affinity_mask();
    if (!mask) return mask;
    allowed = *std::move(mask);
  }
  std::vector<int> usable;
  std::set_intersection(online->begin(), online->end(), allowed.begin(), allowed.end(),
                        std::back_inserter(usable));
  if (usable.empty()) return failure(Error::Kind::invalid, "none of the allowed CPUs is online");
  return usable;
}

// The lowest of the CPUs that share something with `cpu`, by the first of `files` that exists;
// `otherwise` where none does.
Result<int> lowest_sharer(int cpu, std::initializer_list<std::string> files, int otherwise) {
  for (const std::string& file : files) {
    const auto sharers = list_in(file);
    if (!sharers && sharers.error().kind == Error::Kind::unsupported) continue;
    if (!sharers) return tl::unexpected(sharers.error());
    if (!std::binary_search(sharers->begin(), sharers->end(), cpu)) {
      return failure(Error::Kind::invalid, file + " does not list CPU " + std::to_string(cpu));
    }
    return sharers->front();
  }
  return otherwise;
}

// The directory of the outermost cache that holds data; empty where caches are not described.
Result<std::string> last_level_cache(const std::string& cpu_directory) {
  constexpr int kMostCaches = 16;
  std::string outermost;
  std::int64_t outermost_level = 0;
  for (int index = 0; index < kMostCaches; ++index) {
    const std::string cache = cpu_directory + "/cache/index" + std::to_string(index);
    const auto type = read_text(cache + "/type");
    if (!type) break;
    if (*type == "Instruction") continue;
    const auto level = count_in(cache + "/level");
    if (!level || *level < 1) {
      return failure(Error::Kind::invalid, cache + "/level is no cache level");
    }
    if (*level > outermost_level) {
      outermost_level = *level;
      outermost = cache;
    }
  }
  return outermost;
}

Result<std::map<int, int>> nodes_by_cpu(const std::string& root) {
  std::map<int, int> nodes;
  const std::string directory = root + "/devices/system/node";
  const auto online = list_in(directory + "/online");
  if (!online && online.error().kind == Error::Kind::unsupported) return nodes;
  if (!online) return tl::unexpected(online.error());
  for (const int node : *online) {
    const auto cpus = list_in(directory + "/node" + std::to_string(node) + "/cpulist");
    if (!cpus) return tl::unexpected(cpus.error());
    for (const int cpu : *cpus) nodes[cpu] = node;
  }
  return nodes;
}

Result<Processor> read_processor(int cpu, const std::string& root) {
  const std::string directory = root + "/devices/system/cpu/cpu" + std::to_string(cpu);
  const std::string shared = directory + "/topology/";
  // Each pair: the present name, and the one that kernels before 5.3 used.
  const auto core =
      lowest_sharer(cpu, {shared + "core_cpus_list", shared + "thread_siblings_list"}, cpu);
  if (!core) return tl::unexpected(core.error());
  const auto package =
      lowest_sharer(cpu, {shared + "package_cpus_list", shared + "core_siblings_list"}, 0);
  if (!package) return tl::unexpected(package.error());
  const auto cache = last_level_cache(directory);
  if (!cache) return tl::unexpected(cache.error());
  const auto llc =
      cache->empty() ? package : lowest_sharer(cpu, {*cache + "/shared_cpu_list"}, *package);
  if (!llc) return tl::unexpected(llc.error());
  return Processor{.cpu = cpu, .core = *core, .llc = *llc, .package = *package, .node = 0};
}

}  // namespace

Result<Topology> Topology::read(const TopologyOptions& options) {
  const auto cpus = usable_cpus(options);
  if (!cpus) return tl::unexpected(cpus.error());
  const auto nodes = nodes_by_cpu(options.root);
  if (!nodes) return tl::unexpected(nodes.error());
  std::vector<Processor> processors;
  for (const int cpu : *cpus) {
    auto processor = read_processor(cpu, options.root);
    if (!processor) return tl::unexpected(processor.error());
    if (const auto node = nodes->find(cpu); node != nodes->end()) processor->node = node->second;
    processors.push_back(*processor);
  }
  return Topology(std::move(processors));
}

const Processor* Topology::find(int cpu) const noexcept {
  const auto found = std::find_if(processors_.begin(), processors_.end(),
                                  [cpu](const Processor& one) { return one.cpu == cpu; });
  return found == processors_.end() ? nullptr : &*found;
}

std::vector<int> Topology::smt_siblings(int cpu) const {
  const Processor* self = find(cpu);
  SMTNI_EXPECT(self != nullptr);
  std::vector<int> siblings;
  for (const Processor& other : processors_) {
    if (other.core == self->core && other.cpu != cpu) siblings.push_back(other.cpu);
  }
  return siblings;
}

int Topology::count(int Processor::*member) const {
  std::set<int> values;
  for (const Processor& processor : processors_) values.insert(processor.*member);
  return static_cast<int>(values.size());
}

}  // namespace smtni
