#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/result.h"
#include "ni/endpoint.h"

/// \file
/// Active messages (von Eicken, Culler, Goldstein, Schauser, ISCA 1992; the paper, section 4): a
/// message names the handler that takes it, and whoever is notified runs that at once: the thread
/// that waits, the thread that is branched, or the context that is started.
namespace smtni::ni {

/// What a handler is given: its message, and what it may do about it. Valid until the handler
/// returns. THREADS: the handler's.
class ActiveMessage {
 public:
  ActiveMessage(Core& core, Port& port, Received&& received) noexcept
      : core_(core), port_(port), message_(*received), received_(std::move(received)) {}
  /// In a spawned context: the message is the context's until its entry returns.
  ActiveMessage(Core& core, Port& port, const Message& message) noexcept
      : core_(core), port_(port), message_(message) {}

  const Message& operator*() const noexcept { return message_; }
  const Message* operator->() const noexcept { return &message_; }
  [[nodiscard]] Address origin() const noexcept { return Address::from_word(message_.info.peer); }

  [[nodiscard]] NotificationRecord record() const noexcept;

  /// Sends to where the message came from, and to anybody. As Endpoint::send(); contexts that run
  /// at once may both call it.
  Sent reply(std::span<const std::byte> payload, const SendOptions& options = {}) noexcept {
    return send(origin(), payload, options);
  }
  Sent send(Address target, std::span<const std::byte> payload,
            const SendOptions& options = {}) noexcept;

  /// Keeps the message in the cache beyond the handler's return, until what this gives ends.
  /// REQUIRES: called once at most, and not in a spawned context, which keeps its message by not
  /// returning. Endpoint::kMaxReceived messages can be out at once.
  [[nodiscard]] Received keep() noexcept;

 private:
  Core& core_;
  Port& port_;
  Message message_;
  Received received_;
};

using ActiveHandler = std::function<void(ActiveMessage&)>;

/// The table of registered handlers. THREADS: add() before the table is used, the rest any.
class ActiveHandlers {
 public:
  /// Handlers are numbered from 1.
  static constexpr std::uint16_t kMax = 1024;

  /// `otherwise` takes messages that name no handler, or one that is not in the table.
  explicit ActiveHandlers(ActiveHandler otherwise) noexcept
      : otherwise_{"otherwise", std::move(otherwise)} {}

  /// `invalid` for number 0, one above kMax, and one that is taken. `name` is for reports of the
  /// handler's faults.
  Result<void> add(std::uint16_t number, std::string name, ActiveHandler handler);

  /// Runs the handler that `message` names; an exception that leaves it is reported and goes no
  /// further. COST: one look into the table, one indirect call.
  void run(ActiveMessage& message) const noexcept;

 private:
  struct Entry {
    std::string name;
    ActiveHandler run;  // empty: not registered
  };

  Entry otherwise_;
  std::vector<Entry> entries_;  // by number - 1
};

}  // namespace smtni::ni
