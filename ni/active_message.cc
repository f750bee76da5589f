#include "ni/active_message.h"

#include <utility>

#include "ni/internal/core.h"
#include "ni/internal/held.h"
#include "ni/internal/sending.h"
#include "threads/fault.h"

namespace smtni::ni {

Sent ActiveMessage::send(Address target, std::span<const std::byte> payload,
                         const SendOptions& options) noexcept {
  return send_from(core_, port_, target, payload, options);
}

NotificationRecord ActiveMessage::record() const noexcept { return port_.records.read(message_); }

Received ActiveMessage::keep() noexcept {
  SMTNI_EXPECT(bool(received_));
  return std::move(received_);
}

Result<void> ActiveHandlers::add(std::uint16_t number, std::string name, ActiveHandler handler) {
  if (number == 0 || number > kMax) {
    return failure(Error::Kind::invalid, "handler number " + std::to_string(number) +
                                             " is not accepted; accepted: 1 to " +
                                             std::to_string(kMax));
  }
  if (entries_.size() < number) entries_.resize(number);
  Entry& entry = entries_[number - 1U];
  if (entry.run) {
    return failure(Error::Kind::invalid,
                   "handler number " + std::to_string(number) + " is '" + entry.name + "' already");
  }
  entry = {std::move(name), std::move(handler)};
  return {};
}

void ActiveHandlers::run(ActiveMessage& message) const noexcept {
  const std::uint16_t number = handler_in(message->info.attributes);
  const Entry* entry = &otherwise_;
  if (number != 0 && number <= entries_.size() && entries_[number - 1U].run) {
    entry = &entries_[number - 1U];
  }
  threads::run_guarded(entry->name, [&] { entry->run(message); });
}

std::size_t Endpoint::serve(const ActiveHandlers& handlers, Deadline until) noexcept {
  if (port_ == nullptr || port_->serving == kMaxNesting || port_->views.is_full()) return 0;
  Received first = receive(until);
  if (!first) return 0;
  ++port_->serving;
  std::size_t count = 0;
  for (Received next = std::move(first); next; next = try_receive()) {
    ActiveMessage message(*core_, *port_, std::move(next));
    handlers.run(message);
    if (++count == kServeTurn || port_->views.is_full()) break;
  }
  --port_->serving;
  return count;
}

Result<void> Endpoint::on_message(const ActiveHandlers& handlers, const OnMessage& options) {
  return branch_to(
      [core = core_.get(), port = port_, &handlers](Received& received) {
        ActiveMessage message(*core, *port, std::move(received));
        handlers.run(message);
      },
      options);
}

Result<void> Endpoint::spawn_on_message(const ActiveHandlers& handlers,
                                        const SpawnOnMessage& options) {
  return spawn_on_message(
      [core = core_.get(), port = port_, &handlers](const Message& received) {
        ActiveMessage message(*core, *port, received);
        handlers.run(message);
      },
      options);
}

}  // namespace smtni::ni
