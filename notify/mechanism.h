#pragma once

#include <concepts>
#include <cstdint>
#include <memory>
#include <string_view>
#include <type_traits>
#include <vector>

#include "core/deadline.h"
#include "core/result.h"
#include "core/units.h"
#include "notify/fallback.h"
#include "threads/chain.h"
#include "threads/eviction.h"

/// \file
/// What a notification mechanism is. A notification is a hint and the message cache is the truth: a
/// mechanism says "look", and only the ring says what is there. So there are two sides:
///
///   the notifier (the NI)   has made the news visible, then calls notify();
///   the receiver            by the mechanism's role either waits, is branched, or is spawned.
///
/// Promises that tests/contract asks of every mechanism in notify/mechanisms.h:
///
///   1. News published before notify() is seen: the receiver looks at least once after it.
///   2. No wake-up is lost, however notify() and the receiver's preparations interleave.
///   3. Notifications that come while one is pending may coalesce; none is forgotten.
///   4. A wait returns at its deadline and not before, unless there is news.
///   5. Both sides may share one processor.
namespace smtni::notify {

/// What the receiver does until it is notified.
enum class Role : std::uint8_t {
  waits,     ///< it has nothing else to do: wait() returns when there is news
  branches,  ///< it computes: the running thread branches to its handler
  spawns,    ///< it is not there: a context is started for the message
};

struct MechanismInfo {
  std::string_view name;  ///< "family/variant", or one word: the one spelling, everywhere
  Role role;
  /// "paper 1", "paper 2", "paper 3", "baseline", "teaching case" or "ours"
  std::string_view source;
  std::string_view summary;  ///< one line for `smtni list`, without a full stop
};

/// Set-up of one binding. A mechanism reads what concerns it.
struct Options {
  /// Longest spin before a parking wait asks the operating system.
  Nanoseconds spin{20'000};
  /// Usable bytes of a handler's or a spawned context's stack; a guard page lies below.
  Bytes stack{64 * 1024};
  /// Processors that run spawned contexts, one hardware context on each; empty: one, not pinned.
  std::vector<int> context_cpus = {};
  /// Who gives way to a spawned context where none is idle, with a mechanism that evicts.
  threads::EvictionPolicy eviction = threads::LowestPriority{};
  /// Of the spawned contexts, for that policy. A computation's is 0.
  int priority = 1;
};

enum class Wake : std::uint8_t { news, timed_out };

/// Asks the truth: is there something to receive? Called often, from any point of a wait.
template <class N>
concept News = std::is_nothrow_invocable_r_v<bool, const N&>;

/// Code that the running thread branches to.
///
/// It runs in the receiving thread, on a stack of its own where the mechanism says so, and is
/// masked while it runs: notifications that arrive meanwhile stay pending, coalesce, and branch
/// once more after it returns. It must not wait for the computation that it interrupted. An
/// exception that leaves it is reported with `name` and goes no further.
struct Handler {
  /// `notified`: when the NI acted, where the mechanism carries that; else zero.
  void (*run)(void* argument, TscInstant notified);
  void* argument;
  std::string_view name;
};

/// Code that a spawned context starts at: the paper's {program counter, stack pointer, pointer to
/// the notification record}, the stack being the context's own.
struct Entry {
  void (*run)(void* argument, const void* record);
  void* argument;
  std::string_view name;
};

// clang-format off
template <class M>
concept Mechanism = requires(M& mechanism, const Options& options, const void* record) {
  { M::kInfo } -> std::convertible_to<MechanismInfo>;
  /// `unsupported`, with the reason, where the machine cannot do it.
  { M::open(options) } -> std::same_as<Result<std::unique_ptr<M>>>;
  /// THREADS: one notifier at a time; any thread.
  /// False only from a spawning mechanism that has no context free: nothing happened, try again.
  { mechanism.notify(record) } noexcept -> std::same_as<bool>;
};

/// Tells the mechanism that notify() follows soon. A mechanism that then writes a line may have a
/// member prepare() that asks for it, so that its transfer overlaps with placing the message; where
/// it has none, this does nothing. THREADS: the notifier. COST: no wait.
template <Mechanism M>
void prepare(M& mechanism) noexcept {
  if constexpr (requires { mechanism.prepare(); }) mechanism.prepare();
}

/// What the next notify() would have to fall back on, as far as a look can tell. A mechanism that
/// has a fall-back may have a member expected(); none is expected of the others, nor of one whose
/// usual way is the operating system. A hint: the receiver may move on before notify() comes.
/// THREADS: any. COST: a look at the receiver's line, which can be a line transfer.
template <Mechanism M>
Fallback expected(const M& mechanism) noexcept {
  if constexpr (requires { mechanism.expected(); }) return mechanism.expected();
  return Fallback::none;
}

/// How often it did, since it was opened. Likewise a member fallbacks(), where there is something
/// to count. What the notifier falls back on (os_told, evicted) is counted within notify(); a mask,
/// when it ends. THREADS: any. COST: counting costs nothing where there is no fall-back.
template <Mechanism M>
FallbackCounts fallbacks(const M& mechanism) noexcept {
  if constexpr (requires { mechanism.fallbacks(); }) return mechanism.fallbacks();
  return {};
}

/// THREADS: wait() is called by one thread, the receiver.
template <class M>
concept WaitMechanism = Mechanism<M> &&
    requires(M& mechanism, bool (&news)() noexcept, Deadline until) {
  { mechanism.wait(news, until) } noexcept -> std::same_as<Wake>;
};

/// THREADS: all but notify() is called by one thread, the receiver.
template <class M>
concept BranchMechanism = Mechanism<M> &&
    requires(M& mechanism, const Handler& handler, threads::Chain& chain) {
  /// From here on notifications branch this thread to `handler`; those already pending do at once
  /// or at the next safepoint.
  { mechanism.arm(handler) } -> std::same_as<Result<void>>;
  /// No handler runs after this returns. Called by the thread that called arm().
  { mechanism.disarm() } noexcept;
  /// A place where the thread may branch; does nothing where it may branch anywhere.
  { mechanism.safepoint() } noexcept;
  /// One chain.advance() during or after which the thread may branch.
  { mechanism.compute(chain) } noexcept;
  /// Holds branches back, and lets them in again; a pending one happens within unmask().
  /// REQUIRES: calls pair and do not nest; the thread is armed.
  { mechanism.mask() } noexcept;
  { mechanism.unmask() } noexcept;
};

/// THREADS: arm() and disarm() are called by one thread; entries run in contexts, several at once.
template <class M>
concept SpawnMechanism = Mechanism<M> && requires(M& mechanism, const Entry& entry) {
  /// From here on each notify(record) that returns true starts one context at `entry`.
  { mechanism.arm(entry) } -> std::same_as<Result<void>>;
  /// Returns when every started context has ended; none starts afterwards.
  { mechanism.disarm() } noexcept;
};

/// A spawning mechanism that takes contexts from computations.
template <class M>
concept EvictingMechanism = SpawnMechanism<M> &&
    requires(M& mechanism, const Entry& background) {
  /// Starts `background` once on each hardware context; it must call M::safepoint() often and
  /// return when asked to by its own means. REQUIRES: armed.
  { mechanism.occupy(background) } -> std::same_as<Result<void>>;
  { M::safepoint() } noexcept;
};
// clang-format on

}  // namespace smtni::notify
