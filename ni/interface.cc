#include "ni/interface.h"

#include <utility>

#include "core/topology.h"
#include "ni/fabric.h"
#include "ni/internal/core.h"

namespace smtni::ni {

namespace {

Result<std::unique_ptr<Wire>> wire_for(const InterfaceOptions& options, Core::Identity& identity) {
  if (options.fabric == nullptr) return open_wire(options.wire);
  if (options.drive != Drive::dedicated) {
    return failure(Error::Kind::invalid,
                   "an interface on a fabric needs an NI thread (Drive::dedicated): nobody else "
                   "takes in what other nodes send");
  }
  identity.fabric = options.fabric->state();
  const auto node = identity.fabric->join(identity.directory);
  if (!node) return tl::unexpected(node.error());
  identity.node = *node;
  return std::make_unique<FabricWire>(identity.fabric, *node);
}

}  // namespace

Interface::Interface(std::shared_ptr<Core> core) noexcept : core_(std::move(core)) {}
Interface::Interface(Interface&&) noexcept = default;

Interface& Interface::operator=(Interface&& other) noexcept {
  std::swap(core_, other.core_);
  return *this;
}

Interface::~Interface() {
  if (core_) core_->stop();
}

Result<Interface> Interface::start(const InterfaceOptions& options) {
  Core::Identity identity{.drive = options.drive, .directory = std::make_shared<Directory>()};
  auto wire = wire_for(options, identity);
  if (!wire) return tl::unexpected(wire.error());
  auto core = std::make_shared<Core>(std::move(identity), *std::move(wire));
  if (options.drive == Drive::dedicated) {
    const auto topology = Topology::read();
    if (!topology) return tl::unexpected(topology.error());
    const auto cpus = options.placement.resolve(*topology);
    if (!cpus) return tl::unexpected(cpus.error());
    if (auto started = core->start(*cpus); !started) return tl::unexpected(started.error());
  }
  return Interface(std::move(core));
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

const std::string& Interface::note() const noexcept { return core_->note(); }

}  // namespace smtni::ni
