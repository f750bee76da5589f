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
#include "core/stores.h"
#include "core/units.h"
#include "ni/address.h"
#include "ni/completion_queue.h"
#include "ni/counters.h"
#include "ni/record.h"
#include "ni/remote.h"
#include "ni/work_request.h"
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

/// What happens to a message that finds the message cache full.
enum class WhenFull : std::uint8_t {
  hold_back,  ///< it stays with its sender, whom would_block tells so
  spill,      ///< it goes to memory, in order, and comes back as the receiver makes room
};

/// How the NI fetches long transfers from slices (DMA) for a wire on which packets wait, that is a
/// link: into staging, before and while it streams. On other wires every segment goes straight from
/// the sender's memory to where the wire puts it, and none of this is used.
struct FetchingOptions {
  /// Room for segments on their way, in whole segments of kMaxComposed bytes. Composed messages
  /// have the send buffer for themselves, so neither can hold what the other needs.
  Bytes staging = 64 * kKiB;
  /// What must have been fetched before a transfer's first segment leaves; at most `staging`.
  Bytes start_threshold{0};
  /// Lines of the source that are asked for ahead; 1 to 64.
  std::uint32_t outstanding_reads = 8;
};

struct EndpointOptions {
  /// Room for messages that have arrived and are not released.
  Bytes message_cache = 64 * kKiB;
  /// Room for what is on its way out; an NI in the call uses it for composing only.
  Bytes send_buffer = 64 * kKiB;
  /// How receive() is notified: a mechanism whose role is to wait.
  std::string_view notify = "lock-table/park";
  notify::Options mechanism = {};
  Coalescing coalescing = {};
  WhenFull when_full = WhenFull::hold_back;
  /// The most memory that spilled messages take; beyond it the sender is held back after all.
  Bytes spill_limit = kMiB;
  /// How payloads that do not fit into their head line are stored in the message cache.
  Stores stores = Stores::cached;
  FetchingOptions fetching = {};
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
  /// the target, or this endpoint, is; invalid: what was asked for makes no sense. REQUIRES:
  /// refused.
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
/// stays with one thread, for that thread is what is notified; after on_message() it is also the
/// one to call stop_handling() or close() before it ends. A handler or entry may send; it calls
/// none of on_message(), spawn_on_message(), stop_handling() and close() of its own endpoint.
class Endpoint {
 public:
  /// A message handler. The view ends when it returns.
  using Handler = std::function<void(const Message&)>;
  /// Messages that may be out at once: received and not given back.
  static constexpr std::uint32_t kMaxReceived = 64;
  static constexpr std::size_t kServeTurn = 64;
  /// One-sided operations that may be under way at once.
  static constexpr std::uint32_t kMaxPosted = 64;
  /// The longest payload of an operation that is not fetched from a slice.
  static constexpr std::size_t kMaxComposed = 16 * 1024;
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

  /// Room for up to `most` bytes in the send buffer, to compose a message in place by one's own
  /// stores (PIO); nothing while there is none. Not cleared. Nothing else is sent before
  /// send_composed() or drop_composed(). REQUIRES: nothing is composed; most <= max_composed().
  [[nodiscard]] std::optional<std::span<std::byte>> compose(std::size_t most) noexcept;
  /// Sends the first `used` bytes of it. Refused, they stay composed. REQUIRES: composed; used <=
  /// what was asked for.
  Sent send_composed(Address target, std::size_t used, const SendOptions& options = {}) noexcept;
  void drop_composed() noexcept;
  [[nodiscard]] std::size_t max_composed() const noexcept;

  /// Sends a message that the NI fetches from one's own region (DMA) into the target's message
  /// cache, without a copy in between on a wire that keeps none. The source may be used again once
  /// the local completion says so. The options' notify, type_id and user_data are the message's.
  /// As put(): the completions tell what became of it.
  Sent send_slice(Address target, const Slice& from, const RemoteOptions& options = {}) noexcept;

  /// One-sided operations, carried out by the target's NI in the order in which they are asked for,
  /// but for a long one from a slice, which shorter ones may overtake; `fence` forbids that. True:
  /// it is on its way, and its completions and quiet() tell what became of it. would_block:
  /// kMaxPosted are under way, completions wait to be polled, or the send buffer is full;
  /// message_too_large: more than kMaxComposed bytes that are not in a slice; invalid: misaligned.
  ///
  /// A refused operation changes no byte at the target, however long it is; but where its region is
  /// taken away while it is under way, what came before stays. What the target's memory refuses is
  /// a typed Fault in the completion.
  ///
  /// put() copies `data` into the send buffer, or has the NI fetch it from a slice.
  Sent put(const RemoteAddress& to, std::span<const std::byte> data,
           const RemoteOptions& options = {}) noexcept;
  Sent put(const RemoteAddress& to, const Slice& from, const RemoteOptions& options = {}) noexcept;
  Sent put_signal(const RemoteAddress& to, std::span<const std::byte> data, const Signal& signal,
                  const RemoteOptions& options = {}) noexcept;
  Sent put_signal(const RemoteAddress& to, const Slice& from, const Signal& signal,
                  const RemoteOptions& options = {}) noexcept;
  Sent get(const Slice& to, const RemoteAddress& from, const RemoteOptions& options = {}) noexcept;
  /// The word's old value is in the completion.
  Sent fetch_add(const RemoteAddress& word, std::uint64_t value,
                 const RemoteOptions& options = {}) noexcept;
  Sent compare_swap(const RemoteAddress& word, std::uint64_t expected, std::uint64_t desired,
                    const RemoteOptions& options = {}) noexcept;

  /// Any of these as a work request; `composed` is its payload where it names no slice. invalid,
  /// too, when check() refuses it or the length is not that of `composed`.
  Sent post(const WorkRequest& request, std::span<const std::byte> composed = {}) noexcept;

  /// The oldest completion that has not been polled.
  [[nodiscard]] std::optional<Completion> poll_completion() noexcept;
  /// Waits until all operations are done at their targets. `timed_out`, telling how many are not;
  /// `invalid`, with the first fault's name, when one since the last call was refused.
  Result<void> quiet(Deadline until);

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

  /// Refuses what comes, stops handling, lets what was sent leave and come off the wire.
  /// `timed_out`, telling how many, when messages could not be placed by then: those that had not
  /// left are lost, those on the wire are lost only if the interface stops. Does nothing the second
  /// time.
  /// REQUIRES: every received message has been given back.
  Result<void> close(Deadline until);

  /// What notifies this endpoint, for measurements and for mechanisms that offer more.
  /// REQUIRES: not closed.
  [[nodiscard]] notify::Binding& binding() noexcept;

  [[nodiscard]] Counters counters() const noexcept;

 private:
  friend class Interface;
  Endpoint(std::shared_ptr<Core> core, Port& port) noexcept;

  [[nodiscard]] bool stores_at_once(const RemoteAddress& to, std::size_t length,
                                    const RemoteOptions& options) const noexcept;

  Result<void> branch_to(std::function<void(Received&)> handler, const OnMessage& options);

  std::shared_ptr<Core> core_;
  Port* port_ = nullptr;  // null: closed, or moved from
  Address address_;
};

}  // namespace smtni::ni
