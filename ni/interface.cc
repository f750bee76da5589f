#include "ni/interface.h"

#include <utility>

#include "core/topology.h"
#include "ni/internal/core.h"

namespace smtni::ni {

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
  auto wire = open_wire(options.wire);
  if (!wire) return tl::unexpected(wire.error());
  if (options.wrap_wire) *wire = options.wrap_wire(*std::move(wire));
  auto core = std::make_shared<Core>(options.drive, *std::move(wire));
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
