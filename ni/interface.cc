#include "ni/interface.h"

#include <utility>

#include "core/topology.h"
#include "ni/fabric.h"
#include "ni/internal/core.h"

namespace smtni::ni {

namespace {

Result<void> check(const InterfaceOptions& options) {
  if (options.drive == Drive::dedicated || (options.fabric == nullptr && !options.link)) return {};
  return failure(
      Error::Kind::invalid,
      std::string("an interface with a ") + (options.link ? "link" : "fabric") +
          " needs an NI thread (Drive::dedicated): nobody else moves what arrives later");
}

Result<std::unique_ptr<Wire>> bare_wire(const InterfaceOptions& options, Core::Identity& identity) {
  if (options.fabric == nullptr) return open_wire(options.wire);
  identity.fabric = options.fabric->state();
  const auto node = identity.fabric->join(identity.directory);
  if (!node) return tl::unexpected(node.error());
  identity.node = *node;
  return std::make_unique<FabricWire>(identity.fabric, *node);
}

}  // namespace

Interface::Interface(std::shared_ptr<Core> core, const LinkWire* link) noexcept
    : core_(std::move(core)), link_(link) {}
Interface::Interface(Interface&&) noexcept = default;

Interface& Interface::operator=(Interface&& other) noexcept {
  std::swap(core_, other.core_);
  std::swap(link_, other.link_);
  return *this;
}

Interface::~Interface() {
  if (core_) core_->stop();
}

Result<Interface> Interface::start(const InterfaceOptions& options) {
  if (auto checked = check(options); !checked) return tl::unexpected(checked.error());
  Core::Identity identity{.drive = options.drive, .directory = std::make_shared<Directory>()};
  auto bare = bare_wire(options, identity);
  if (!bare) return tl::unexpected(bare.error());
  std::unique_ptr<Wire> wire = *std::move(bare);
  const LinkWire* link = nullptr;
  if (options.link) {
    auto linked = with_link(std::move(wire), *options.link);
    if (!linked) return tl::unexpected(linked.error());
    link = linked->get();
    wire = *std::move(linked);
  }
  if (options.wrap_wire) wire = options.wrap_wire(std::move(wire));
  auto memory = RemoteMemory::create(options.tlb);
  if (!memory) return tl::unexpected(memory.error());
  auto core = std::make_shared<Core>(std::move(identity), std::move(wire), *std::move(memory));
  if (options.drive == Drive::dedicated) {
    const auto topology = Topology::read();
    if (!topology) return tl::unexpected(topology.error());
    const auto cpus = options.placement.resolve(*topology);
    if (!cpus) return tl::unexpected(cpus.error());
    if (auto started = core->start(*cpus); !started) return tl::unexpected(started.error());
  }
  return Interface(std::move(core), link);
}

Result<Endpoint> Interface::open_endpoint(const EndpointOptions& options) {
  SMTNI_EXPECT(core_ != nullptr);
  auto binding = notify::Binding::open(options.notify, options.mechanism);
  if (!binding) return tl::unexpected(binding.error());
  if (binding->info().role != notify::Role::waits) {
    return failure(Error::Kind::invalid,
                   "'" + std::string(options.notify) +
                       "' does not wait; use it with on_message() or spawn_on_message()");
  }
  auto port = core_->add_port(options, std::make_unique<notify::Binding>(*std::move(binding)));
  if (!port) return tl::unexpected(port.error());
  return Endpoint(core_, **port);
}

Result<Region> Interface::register_region(std::span<std::byte> memory, Rights rights,
                                          const RegionOptions& options) {
  SMTNI_EXPECT(core_ != nullptr);
  return core_->memory().regions().add(memory, rights, options);
}

TlbCounters Interface::tlb_counters() const noexcept {
  SMTNI_EXPECT(core_ != nullptr);
  return core_->memory().tlb_counters();
}

std::uint64_t Interface::placed_bytes() const noexcept {
  SMTNI_EXPECT(core_ != nullptr);
  return core_->memory().placed_bytes();
}

std::optional<LinkReport> Interface::link_report() const noexcept {
  if (core_ == nullptr || link_ == nullptr) return std::nullopt;
  return link_->report();
}

const std::string& Interface::note() const noexcept { return core_->note(); }

}  // namespace smtni::ni
