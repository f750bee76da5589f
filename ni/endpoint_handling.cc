// Endpoint: handlers that messages branch to, and contexts that messages start.
#include <utility>

#include "ni/endpoint.h"
#include "ni/internal/core.h"
#include "ni/internal/held.h"
#include "threads/fault.h"

namespace smtni::ni {
namespace {

// The branch: everything that has arrived goes to the user's handler.
void handle_messages(void* argument, TscInstant /*notified*/) {
  auto& port = *static_cast<Port*>(argument);
  port.in_handler = true;
  while (!port.views.is_full()) {
    Received received = take_from(port);
    if (!received) break;
    threads::run_guarded(port.handler_name, [&] { port.handler(received); });
  }
  port.in_handler = false;
}

Result<std::unique_ptr<notify::Binding>> open_binding(std::string_view mechanism, notify::Role role,
                                                      const notify::Options& options) {
  auto binding = notify::Binding::open(mechanism, options);
  if (!binding) return tl::unexpected(binding.error());
  if (binding->info().role != role) {
    constexpr std::string_view kRoles[] = {"waits", "branches a running thread", "spawns contexts"};
    return failure(Error::Kind::invalid,
                   "'" + std::string(mechanism) + "' " +
                       std::string(kRoles[static_cast<int>(binding->info().role)]) +
                       "; accepted here: a mechanism that " +
                       std::string(kRoles[static_cast<int>(role)]) + " (see smtni list)");
  }
  return std::make_unique<notify::Binding>(*std::move(binding));
}

}  // namespace

Result<void> Endpoint::on_message(Handler handler, const OnMessage& options) {
  return branch_to([run = std::move(handler)](Received& received) { run(*received); }, options);
}

Result<void> Endpoint::branch_to(std::function<void(Received&)> handler, const OnMessage& options) {
  if (port_ == nullptr) return failure(Error::Kind::closed, "the endpoint is closed");
  if (branching_port != nullptr && branching_port != port_) {
    return failure(Error::Kind::invalid, "another endpoint's handler already branches this thread");
  }
  auto binding = open_binding(options.mechanism, notify::Role::branches, options.options);
  if (!binding) return tl::unexpected(binding.error());
  stop_handling();

  port_->handler = std::move(handler);
  port_->handler_name = options.name;
  if (auto armed = (*binding)->arm({handle_messages, port_, port_->handler_name}); !armed) {
    return armed;
  }
  {
    // No branch can come in here: nobody notifies through the new binding before the unlock.
    const std::lock_guard guard(port_->inlet);  // [inlet]
    port_->waiting = std::exchange(port_->binding, *std::move(binding));
    port_->own_binding = port_->binding.get();
    port_->is_branching = true;
    branching_port = port_;
  }
  const InletHeld guard(*port_);
  // What arrived before the binding did is news to it.
  if (port_->has_news()) port_->binding->notify(nullptr);
  return {};
}

void Endpoint::safepoint() noexcept {
  if (port_ != nullptr && port_->is_branching) port_->own_binding->safepoint();
}

Result<void> Endpoint::spawn_on_message(Handler entry, const SpawnOnMessage& options) {
  if (port_ == nullptr) return failure(Error::Kind::closed, "the endpoint is closed");
  auto binding = open_binding(options.mechanism, notify::Role::spawns, options.options);
  if (!binding) return tl::unexpected(binding.error());
  std::unique_ptr<notify::Binding> fallback;
  if (options.os_thread_fallback && options.mechanism != "spawn/os-thread") {
    auto opened = open_binding("spawn/os-thread", notify::Role::spawns, options.options);
    if (!opened) return tl::unexpected(opened.error());
    fallback = *std::move(opened);
  }
  stop_handling();

  auto spawner = std::make_unique<Spawner>(
      port_->message_cache->consumer(), port_->inlet, std::move(entry), std::string(options.name),
      **binding, fallback.get(), port_->records.is_on() ? &port_->records : nullptr,
      port_->spill ? &*port_->spill : nullptr, [port = port_] { return port->refill(); });
  port_->contexts_send = true;
  if (auto armed = (*binding)->arm(spawner->entry()); !armed) {
    port_->contexts_send = false;
    return armed;
  }
  if (fallback) {
    if (auto armed = fallback->arm(spawner->entry()); !armed) {
      (*binding)->disarm();
      port_->contexts_send = false;
      return armed;
    }
  }
  {
    const InletHeld guard(*port_);
    port_->waiting = std::exchange(port_->binding, *std::move(binding));
    port_->own_binding = port_->binding.get();
    port_->fallback = std::move(fallback);
    port_->spawner = std::move(spawner);
  }
  port_->retry_spawn();  // what arrived before
  if (core_->drive() == Drive::in_the_call) Core::settle(*port_);
  return {};
}

void Endpoint::stop_handling() noexcept {
  if (port_ == nullptr || !port_->waiting) return;
  if (port_->is_branching) {
    SMTNI_EXPECT(branching_port == port_ && !port_->in_handler);
    port_->binding->disarm();
    port_->is_branching = false;
    branching_port = nullptr;
  }
  std::unique_ptr<Spawner> spawner;
  if (port_->spawner) {
    {
      const InletHeld guard(*port_);
      spawner = std::move(port_->spawner);  // from here on no context starts with a message
      spawner->stop();
    }
    port_->binding->disarm();
    if (port_->fallback) port_->fallback->disarm();
    spawner->release_ended();
    port_->spawned.add(spawner->counts());
    port_->taken += spawner->counts().taken();
    port_->contexts_send = false;
  }
  std::unique_ptr<notify::Binding> disarmed;
  {
    const InletHeld guard(*port_);
    disarmed = std::exchange(port_->binding, std::move(port_->waiting));
    port_->own_binding = port_->binding.get();
    port_->past_fallbacks.add(disarmed->fallbacks());
  }
  port_->fallback.reset();
}

}  // namespace smtni::ni
