#pragma once

#include <array>
#include <string>
#include <string_view>

#include "core/result.h"
#include "notify/adaptive.h"
#include "notify/async_branch_rtm.h"
#include "notify/async_branch_safepoint.h"
#include "notify/async_branch_uintr.h"
#include "notify/kernel_condvar.h"
#include "notify/kernel_epoll.h"
#include "notify/kernel_eventfd.h"
#include "notify/kernel_futex.h"
#include "notify/kernel_io_uring.h"
#include "notify/kernel_mqueue.h"
#include "notify/kernel_pipe.h"
#include "notify/kernel_poll_page.h"
#include "notify/kernel_rseq_abort.h"
#include "notify/kernel_unix_socket.h"
#include "notify/lock_table_mechanisms.h"
#include "notify/mechanism.h"
#include "notify/poll.h"
#include "notify/signal_blocked.h"
#include "notify/signal_running.h"
#include "notify/signal_signalfd.h"
#include "notify/spawn_evict.h"
#include "notify/spawn_idle_context.h"
#include "notify/spawn_os_thread.h"

/// \file
/// The one list of mechanisms. A new one is a header of its own and a name in AllMechanisms, and
/// appears in the command line, the contract suite, the experiments and the report.
namespace smtni::notify {

template <class... M>
struct MechanismList {
  static constexpr std::size_t kSize = sizeof...(M);
};

/// In the order in which they are shown.
// clang-format off
using AllMechanisms = MechanismList<
    LockSpin, LockPause, LockUmwait, LockPark,                          // paper 1
    Safepoint, Rtm, Uintr,                                              // paper 2
    IdleContext, EvictContext, OsThread,                                // paper 3
    Poll<PollSpin>, Poll<PollPause>, Poll<PollYield>, Poll<PollSleep>,  // baselines
    Futex, Eventfd, Epoll, Pipe, UnixSocket, Condvar, Mqueue, IoUring,
    SignalRunning, SignalBlocked, Signalfd,
    RseqAbort, PollPage,                                                // teaching cases
    Adaptive>;                                                          // ours
// clang-format on

namespace internal {

// The model of a concept that a mechanism must be by its role.
template <class M>
constexpr bool keeps_its_role() {
  switch (M::kInfo.role) {
    case Role::waits:
      return WaitMechanism<M>;
    case Role::branches:
      return BranchMechanism<M>;
    case Role::spawns:
      return SpawnMechanism<M>;
  }
  return false;
}

template <class Visitor, class... M>
constexpr void for_each_in(MechanismList<M...> /*list*/, Visitor&& visitor) {
  static_assert((keeps_its_role<M>() && ...), "a mechanism does not model its role's concept");
  (visitor.template operator()<M>(), ...);
}

template <class... M>
constexpr std::array<MechanismInfo, sizeof...(M)> infos_of(MechanismList<M...> /*list*/) {
  return {M::kInfo...};
}

// `invalid`, with all names that are accepted.
[[nodiscard]] tl::unexpected<Error> unknown_mechanism(std::string_view name);

template <class Visitor, class First, class... Rest>
auto visit_named(std::string_view name, Visitor& visitor, MechanismList<First, Rest...> /*list*/)
    -> decltype(visitor.template operator()<First>()) {
  if (name == First::kInfo.name) return visitor.template operator()<First>();
  if constexpr (sizeof...(Rest) == 0) {
    return unknown_mechanism(name);
  } else {
    return visit_named(name, visitor, MechanismList<Rest...>{});
  }
}

}  // namespace internal

/// Calls visitor.operator()<M>() for every mechanism M.
template <class Visitor>
constexpr void for_each_mechanism(Visitor&& visitor) {
  internal::for_each_in(AllMechanisms{}, visitor);
}

/// What there is, without opening anything.
[[nodiscard]] constexpr auto all_mechanism_infos() { return internal::infos_of(AllMechanisms{}); }

/// Turns a name into a type, once, outside the loop: returns visitor.operator()<M>() for the
/// mechanism of that name, which must be a Result<T>, the same for all; `invalid`, naming what is
/// accepted, when there is none.
template <class Visitor>
auto with_mechanism(std::string_view name, Visitor&& visitor) {
  return internal::visit_named(name, visitor, AllMechanisms{});
}

}  // namespace smtni::notify
