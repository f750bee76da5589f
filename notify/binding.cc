#include "notify/binding.h"

#include <string>

#include "notify/mechanisms.h"

namespace smtni::notify {
namespace {

std::string_view name_of(Role role) noexcept {
  switch (role) {
    case Role::waits:
      return "waits";
    case Role::branches:
      return "branches";
    case Role::spawns:
      return "spawns";
  }
  return "";
}

tl::unexpected<Error> wrong_role(const MechanismInfo& info, std::string_view what) {
  return failure(Error::Kind::invalid, std::string(info.name) + " cannot be armed with " +
                                           std::string(what) + ": its receiver " +
                                           std::string(name_of(info.role)));
}

template <class M>
M& as(void* mechanism) noexcept {
  return *static_cast<M*>(mechanism);
}

}  // namespace

tl::unexpected<Error> internal::unknown_mechanism(std::string_view name) {
  std::string what = "unknown mechanism '" + std::string(name) + "'; accepted:";
  for (const MechanismInfo& info : all_mechanism_infos()) what.append(" ").append(info.name);
  return failure(Error::Kind::invalid, std::move(what));
}

template <class M>
constexpr Binding::Table Binding::make_table() noexcept {
  Table table{
      .info = M::kInfo,
      .expected =
          [](const void* m) noexcept { return notify::expected(*static_cast<const M*>(m)); },
      .fallbacks =
          [](const void* m) noexcept { return notify::fallbacks(*static_cast<const M*>(m)); }};
  if constexpr (WaitMechanism<M>) {
    table.wait = [](void* m, NewsRef news, Deadline until) noexcept {
      return as<M>(m).wait(news, until);
    };
  }
  if constexpr (BranchMechanism<M>) {
    table.arm_handler = [](void* m, const Handler& handler) { return as<M>(m).arm(handler); };
    table.safepoint = [](void* m) noexcept { as<M>(m).safepoint(); };
    table.compute = [](void* m, threads::Chain& chain) noexcept { as<M>(m).compute(chain); };
    table.mask = [](void* m) noexcept { as<M>(m).mask(); };
    table.unmask = [](void* m) noexcept { as<M>(m).unmask(); };
  }
  if constexpr (SpawnMechanism<M>) {
    table.arm_entry = [](void* m, const Entry& entry) { return as<M>(m).arm(entry); };
  }
  if constexpr (BranchMechanism<M> || SpawnMechanism<M>) {
    table.disarm = [](void* m) noexcept { as<M>(m).disarm(); };
  }
  return table;
}

template <class M>
constexpr Binding::Table Binding::kTable = Binding::make_table<M>();

Result<Binding> Binding::open(std::string_view name, const Options& options) {
  return with_mechanism(name, [&]<class M>() -> Result<Binding> {
    return M::open(options).map([](std::unique_ptr<M>&& mechanism) {
      const NotifierSide side{
          .object = mechanism.get(),
          .prepare = [](void* m) noexcept { notify::prepare(as<M>(m)); },
          .notify = [](void* m, const void* record) noexcept { return as<M>(m).notify(record); }};
      return Binding({mechanism.release(), [](void* m) { delete static_cast<M*>(m); }}, side,
                     kTable<M>);
    });
  });
}

Result<void> Binding::arm(const Handler& handler) {
  if (table_->arm_handler == nullptr) return wrong_role(info(), "a handler");
  return table_->arm_handler(mechanism_.get(), handler);
}

Result<void> Binding::arm(const Entry& entry) {
  if (table_->arm_entry == nullptr) return wrong_role(info(), "an entry");
  return table_->arm_entry(mechanism_.get(), entry);
}

}  // namespace smtni::notify
