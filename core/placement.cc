#include "core/placement.h"

#include <algorithm>
#include <string>

namespace smtni {
namespace {

struct Pair {
  const Processor* ni = nullptr;
  const Processor* receiver = nullptr;
};

// The first pair of that shape, by ascending CPU of the NI, then of the receiver.
Pair find_pair(Shape shape, const Topology& topology) {
  for (const Processor& ni : topology.processors()) {
    for (const Processor& receiver : topology.processors()) {
      if (shape_of(ni, receiver) == shape) return {&ni, &receiver};
    }
  }
  return {};
}

std::string why_absent(Shape shape, const Topology& topology) {
  const std::string cpus = std::to_string(topology.processors().size());
  if (topology.processors().size() == 1) return "only one CPU may be used";
  switch (shape) {
    case Shape::smt_sibling:
      return "no SMT: every core has one thread among the " + cpus + " usable CPUs";
    case Shape::same_llc:
      return "no two cores share a last-level cache among the " + cpus + " usable CPUs";
    case Shape::same_node:
      return "no NUMA node has two last-level caches among the " + cpus + " usable CPUs";
    case Shape::cross_node:
      return "only one NUMA node among the " + cpus + " usable CPUs";
    case Shape::same_cpu:
      break;
  }
  return "no such CPU";
}

// All processors, nearest to `from` first, then by CPU number.
std::vector<const Processor*> by_nearness(const Processor& from, const Topology& topology) {
  std::vector<const Processor*> order;
  for (const Processor& one : topology.processors()) order.push_back(&one);
  std::stable_sort(order.begin(), order.end(), [&from](const Processor* a, const Processor* b) {
    return shape_of(from, *a) < shape_of(from, *b);
  });
  return order;
}

RoleCpus seat_everyone(const Pair& pair, const Topology& topology) {
  const auto order = by_nearness(*pair.ni, topology);
  const auto is_free = [&pair](const Processor* one) {
    return one->cpu != pair.ni->cpu && one->cpu != pair.receiver->cpu;
  };
  const auto has_own_core = [&pair](const Processor* one) {
    return one->core != pair.ni->core && one->core != pair.receiver->core;
  };
  auto sender = std::find_if(order.begin(), order.end(), has_own_core);
  if (sender == order.end()) sender = std::find_if(order.begin(), order.end(), is_free);

  RoleCpus cpus{.sender = sender == order.end() ? pair.ni->cpu : (*sender)->cpu,
                .ni = pair.ni->cpu,
                .receiver = pair.receiver->cpu,
                .contexts = {pair.receiver->cpu}};
  for (const Processor* one : order) {
    if (is_free(one) && one->cpu != cpus.sender) cpus.contexts.push_back(one->cpu);
  }
  return cpus;
}

Result<RoleCpus> check_given(RoleCpus cpus, const Topology& topology) {
  std::vector<int> all = {cpus.sender, cpus.ni, cpus.receiver};
  all.insert(all.end(), cpus.contexts.begin(), cpus.contexts.end());
  for (const int cpu : all) {
    if (topology.find(cpu) == nullptr) {
      return failure(Error::Kind::invalid,
                     "CPU " + std::to_string(cpu) + " is offline or not allowed to this process");
    }
  }
  return cpus;
}

}  // namespace

Shape shape_of(const Processor& a, const Processor& b) noexcept {
  if (a.cpu == b.cpu) return Shape::same_cpu;
  if (a.core == b.core) return Shape::smt_sibling;
  if (a.llc == b.llc) return Shape::same_llc;
  if (a.node == b.node) return Shape::same_node;
  return Shape::cross_node;
}

Placement Placement::at(RoleCpus cpus) {
  if (cpus.contexts.empty()) cpus.contexts.push_back(cpus.receiver);
  Placement placement(Choice::given, Shape::same_cpu);
  placement.given_ = std::move(cpus);
  return placement;
}

Result<Placement> Placement::named(std::string_view name) {
  if (name == nearest().name()) return nearest();
  std::string accepted;
  for (std::size_t index = 0; index < kPlacementNames.size(); ++index) {
    if (name == kPlacementNames[index]) return Placement(Choice::shape, static_cast<Shape>(index));
    accepted += std::string(kPlacementNames[index]) + ", ";
  }
  return failure(Error::Kind::invalid, "no placement is named '" + std::string(name) +
                                           "'; accepted: " + accepted + "nearest");
}

std::string_view Placement::name() const noexcept {
  if (choice_ == Choice::nearest) return "nearest";
  if (choice_ == Choice::given) return "custom";
  return kPlacementNames[static_cast<std::size_t>(shape_)];
}

Result<RoleCpus> Placement::resolve(const Topology& topology) const {
  if (choice_ == Choice::given) return check_given(given_, topology);
  if (choice_ == Choice::nearest) return available_placements(topology).front().resolve(topology);
  const Pair pair = find_pair(shape_, topology);
  if (pair.ni == nullptr) {
    return failure(Error::Kind::unsupported,
                   std::string(name()) + ": " + why_absent(shape_, topology));
  }
  return seat_everyone(pair, topology);
}

Result<RoleCpus> place(std::string_view name, const Topology& topology) {
  return Placement::named(name).and_then(
      [&topology](const Placement& placement) { return placement.resolve(topology); });
}

std::vector<Placement> available_placements(const Topology& topology) {
  std::vector<Placement> available;
  for (const Placement& placement :
       {Placement::smt_sibling(), Placement::same_llc(), Placement::same_node(),
        Placement::cross_node(), Placement::same_cpu()}) {
    if (placement.resolve(topology)) available.push_back(placement);
  }
  return available;
}

Result<int> ni_cpu_for(int receiver_cpu, const Topology& topology) {
  const Processor* receiver = topology.find(receiver_cpu);
  if (receiver == nullptr) {
    return failure(Error::Kind::invalid, "CPU " + std::to_string(receiver_cpu) +
                                             " is offline or not allowed to this process");
  }
  return by_nearness(*receiver, topology).front()->cpu;
}

}  // namespace smtni
