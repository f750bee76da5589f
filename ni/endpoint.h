#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "core/deadline.h"
#include "core/result.h"
#include "core/ring_layout.h"
#include "core/units.h"
#include "ni/address.h"
#include "ni/counters.h"
#include "ni/record.h"
#include "notify/binding.h"

namespace smtni::ni {

class ActiveHandlers;
class Core;
class Interface;
struct Port;

/// When messages whose senders wish for a notification are announced together.
struct Coalescing {
  /// Once so many have come. More than one needs a period, lest the last ones wait for ever; and a
  /// full message cache is announced whatever its count.
  std::uint32_t messages = 1;
  /// Or once the first of them has waited for so long; 0: no bound. Needs an NI thread, which
  /// watches the time.
  Nanoseconds period{0};
  /// Only for a receiver that asks, as receive() does before it waits (virtio's event index). One
  /// that is awake anyway costs no notification. Without effect on branches and spawned contexts.
  bool event_index = false;
};

struct EndpointOptions {
  /// Room for messages that have arrived and are not released.
  Bytes message_cache = 64 * kKiB;
  /// Room for messages on their way out; not used by an NI in the call.
  Bytes send_buffer = 64 * kKiB;
  /// How receive() is notified: a mechanism whose role is to wait.
  std::string_view notify = "lock-table/park";
  notify::Options mechanism = {};
  Coalescing coalescing = {};
  /// Whether the NI keeps when each message arrived and how it notified of it, for record(). Costs
  /// a reading of the time-stamp counter and a further line for each message.
  bool records = false;
};

struct SendOptions {
  std::uint32_t type_id = 0;
  std::uint64_t user_data = 0;
  /// False: silent delivery. The receiver finds the message when it next looks, or is notified
  /// after all when its message cache is full.
  bool notify = true;
  /// The number of the handler that takes the message where the receiver has registered handlers
  /// (ni/active_message.h); 0: none in particular.
  std::uint16_t handler = 0;
};

/// What became of a send: true when the message is on its way, else why not.
class [[nodiscard]] Sent {
 public:
  constexpr Sent() noexcept = default;
  constexpr Sent(Error::Kind why) noexcept : why_(why), accepted_(false) {}  // implicit: a refusal

  constexpr explicit operator bool() const noexcept { return accepted_; }
  /// would_block: no room now, nothing happened; message_too_large: there never will be; closed:
  /// the target, or this endpoint, is. REQUIRES: refused.
  [[nodiscard]] constexpr Error::Kind why() const noexcept { return why_; }

 private:
  Error::Kind why_ = Error::Kind::would_block;
  bool accepted_ = true;
};

/// A received message: a view into the message cache, given back at the end of its scope. Several
/// may be out; the cache has their room again when the oldest is given back.
/// THREADS: the endpoint's. REQUIRES: it ends before its endpoint is closed.
class [[nodiscard]] Received {
 public:
  Received() noexcept = default;  ///< nothing
  Received(Port& port, const Message& message) noexcept : port_(&port), message_(message) {}
  Received(Received&& other) noexcept
      : port_(std::exchange(other.port_, nullptr)), message_(other.message_) {}
  Received& operator=(Received&& other) noexcept {
    std::swap(port_, other.port_);
    std::swap(message_, other.message_);
    return *this;
  }
  ~Received() {
    if (port_ != nullptr) give_back();
  }

  explicit operator bool() const noexcept { return port_ != nullptr; }
  const Message& operator*() const noexcept { return message_; }
  const Message* operator->() const noexcept { return &message_; }
  [[nodiscard]] Address origin() const noexcept { return Address::from_word(message_.info.peer); }
  /// REQUIRES: not nothing.
  [[nodiscard]] NotificationRecord record() const noexcept;

 private:
  void give_back() noexcept;

  Port* port_ = nullptr;
  Message message_;
};

struct OnMessage {
  std::string_view mechanism = "async-branch/safepoint";
  std::string_view name = "handler";  ///< in reports of its faults
  notify::Options options = {};
};

struct SpawnOnMessage {
  std::string_view mechanism = "spawn/idle-context";
  std::string_view name = "handler";  ///< in reports of its faults
  /// CPUs of the contexts, their stacks, the policy of eviction and the priority by it.
  notify::Options options = {};
  /// Ask the operating system for a thread when no context can be had.
  bool os_thread_fallback = true;
};

/// One end of a conversation: an address, a send buffer and a message cache.
///
/// THREADS: one at a time, except address() and record_of(). Receiving by on_message() or receive()
/// stays with one thread, for that thread is what is notified; after on_message() it is also the one
/// to call stop_handling() or close() before it ends. A handler or entry may send; it calls none of
/// on_message(), spawn_on_message(), stop_handling() and close() of its own endpoint.
class Endpoint {
 public:
  /// A message handler. The view ends when it returns.
  using Handler = std::function<void(const Message&)>;
  /// Messages that may be out at once: received and not given back.
  static constexpr std::uint32_t kMaxReceived = 64;
  static constexpr std::size_t kServeTurn = 64;
  static constexpr int kMaxNesting = 8;

  Endpoint(Endpoint&&) noexcept;
  Endpoint& operator=(Endpoint&&) noexcept;
  /// close() with a patience of 100 ms.
  ~Endpoint();

  [[nodiscard]] Address address() const noexcept { return address_; }

  /// Sends a copy of `payload`. COST: no system call, except what an NI in the call makes to
  /// notify.
  Sent send(Address target, std::span<const std::byte> payload,
            const SendOptions& options = {}) noexcept;

  /// The next message, or nothing once the deadline has passed, the endpoint is closed or the
  /// interface has gone. REQUIRES: fewer than kMaxReceived messages are out; no handler or entry is
  /// set.
  Received receive(Deadline until) noexcept;
  /// True when try_receive() has something to give. REQUIRES: no handler or entry is set.
  /// COST: one look at the line that it comes in.
  [[nodiscard]] bool has_news() noexcept;
  /// The next message, if it is there.
  Received try_receive() noexcept;

  /// From here on messages branch this thread to `handler`, at safepoints or anywhere, as the
  /// mechanism does it. Messages that are already there branch at the first occasion. While this
  /// thread is inside a call of any endpoint, receive() included, branches are held back.
  /// A handler or entry set before is replaced; when arming fails, none is set.
  Result<void> on_message(Handler handler, const OnMessage& options = {});
  /// A place where this thread may branch. Does nothing without a handler.
  void safepoint() noexcept;

  /// From here on each message starts a context at `entry`; several run at once. Replaces and fails
  /// as on_message().
  Result<void> spawn_on_message(Handler entry, const SpawnOnMessage& options = {});

  /// The same three ways for active messages: each message goes to the handler that it names.
  /// serve() waits for a message and runs handlers straight from the wait, until none is there, for
  /// kServeTurn messages at most; returns how many. A handler may call serve(), up to kMaxNesting
  /// deep; at that depth, or when kMaxReceived messages are out, it returns 0 at once.
  /// REQUIRES: `handlers` outlives this call, or the handling, and is not added to meanwhile.
  std::size_t serve(const ActiveHandlers& handlers, Deadline until) noexcept;
  Result<void> on_message(const ActiveHandlers& handlers, const OnMessage& options = {});
  Result<void> spawn_on_message(const ActiveHandlers& handlers, const SpawnOnMessage& options = {});

  /// The record of a message that a handler or an entry was given. THREADS: its own, while it runs.
  [[nodiscard]] NotificationRecord record_of(const Message& message) const noexcept;

  /// Ends on_message() or spawn_on_message(). Returns when no handler or context runs; messages
  /// that none was begun for are received by receive() again.
  void stop_handling() noexcept;

  /// Refuses what comes, stops handling, lets what was sent leave. `timed_out`, telling how many,
  /// when messages could not be placed by then: they are lost. Does nothing the second time.
  /// REQUIRES: every received message has been given back.
  Result<void> close(Deadline until);

  /// What notifies this endpoint, for measurements and for mechanisms that offer more.
  /// REQUIRES: not closed.
  [[nodiscard]] notify::Binding& binding() noexcept;

  [[nodiscard]] Counters counters() const noexcept;

 private:
  friend class Interface;
  Endpoint(std::shared_ptr<Core> core, Port& port) noexcept;

  Result<void> branch_to(std::function<void(Received&)> handler, const OnMessage& options);

  std::shared_ptr<Core> core_;
  Port* port_ = nullptr;  // null: closed, or moved from
  Address address_;
};

}  // namespace smtni::ni
