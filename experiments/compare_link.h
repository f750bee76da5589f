#pragma once

#include <sched.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "core/deadline.h"
#include "core/expect.h"
#include "core/result.h"
#include "core/tsc_clock.h"
#include "ni/interface.h"
#include "notify/mechanism.h"

namespace smtni::experiments {

/// Counts that a mechanism keeps of itself, by name.
using OwnCounts = std::vector<std::pair<std::string_view, std::uint64_t>>;

/// The way of the messages that `compare` times: two endpoints of an interface whose NI works in
/// the notifier's call, so that the notifier's thread plays the NI. Each message carries in its
/// `user_data` the time at which its sender acted. This class is all that the measurement knows of
/// how a message travels.
template <class M>
class Link {
 public:
  static Result<std::unique_ptr<Link>> open(const notify::Options& options) {
    constexpr bool kWaits = M::kInfo.role == notify::Role::waits;
    std::unique_ptr<Link> link(new Link(options));
    auto interface = ni::Interface::start({.drive = ni::Drive::in_the_call});
    if (!interface) return tl::unexpected(interface.error());
    auto inbox = interface->open_endpoint(
        {.notify = kWaits ? M::kInfo.name : "poll/pause", .mechanism = options});
    if (!inbox) return tl::unexpected(inbox.error());
    auto outbox = interface->open_endpoint({.notify = "poll/pause"});
    if (!outbox) return tl::unexpected(outbox.error());
    link->interface_.emplace(*std::move(interface));
    link->inbox_.emplace(*std::move(inbox));
    link->outbox_.emplace(*std::move(outbox));
    if (kWaits) link->mechanism_ = link->inbox_->binding().template get_if<M>();
    return link;
  }

  /// REQUIRES: armed, unless the role is to wait.
  [[nodiscard]] M& mechanism() noexcept {
    SMTNI_EXPECT_HOT(mechanism_ != nullptr);
    return *mechanism_;
  }

  /// From here on messages branch the calling thread to `handler`.
  Result<void> arm(const notify::Handler& handler) {
    const auto bound = inbox_->on_message(
        [this, handler](const Message& message) {
          current_ = TscInstant(message.info.user_data);
          handler.run(handler.argument, TscInstant{});
        },
        {.mechanism = M::kInfo.name, .name = handler.name, .options = options_});
    mechanism_ = bound ? inbox_->binding().template get_if<M>() : nullptr;
    return bound;
  }

  /// From here on each message starts a context at `entry`.
  Result<void> arm(const notify::Entry& entry) {
    const auto bound = inbox_->spawn_on_message(
        [this, entry](const Message& message) {
          current_ = TscInstant(message.info.user_data);
          entry.run(entry.argument, &message);
        },
        {.mechanism = M::kInfo.name,
         .name = entry.name,
         .options = options_,
         .os_thread_fallback = false});
    mechanism_ = bound ? inbox_->binding().template get_if<M>() : nullptr;
    return bound;
  }

  void disarm() {
    if constexpr (requires(M& mechanism) { mechanism.counts(); }) {
      mechanism_->mask();  // ends what is under way, so that it counts
      mechanism_->counts().for_each([this](std::string_view name, std::uint64_t count) {
        own_counts_.emplace_back(name, count);
      });
    }
    mechanism_ = nullptr;
    inbox_->stop_handling();
  }

  /// What the mechanism has counted of itself, by name. REQUIRES: disarmed.
  [[nodiscard]] const OwnCounts& own_counts() const noexcept { return own_counts_; }

  /// Places a message and notifies: what is timed as the notifier's cost. False when there is no
  /// room for it until `until`. THREADS: the notifier.
  [[nodiscard]] bool send(TscInstant sent, Deadline until) noexcept {
    while (!outbox_->send(inbox_->address(), {}, {.user_data = sent.reading()})) {
      if (has_passed(until)) return false;
      ::sched_yield();
    }
    return true;
  }

  /// THREADS: the receiver, or the context that a message has started.
  [[nodiscard]] bool has_news() noexcept {
    if constexpr (M::kInfo.role == notify::Role::waits) {
      return inbox_->has_news();
    } else {
      return current_.has_value();
    }
  }

  /// When the sender of the message acted. REQUIRES: has_news().
  TscInstant take() noexcept {
    if constexpr (M::kInfo.role == notify::Role::waits) {
      return TscInstant(inbox_->try_receive()->info.user_data);
    } else {
      return *std::exchange(current_, std::nullopt);
    }
  }

 private:
  explicit Link(const notify::Options& options) : options_(options) {}

  const notify::Options options_;
  M* mechanism_ = nullptr;
  OwnCounts own_counts_;
  std::optional<TscInstant> current_;  // of the message that is being handled
  std::optional<ni::Interface> interface_;
  std::optional<ni::Endpoint> inbox_;
  std::optional<ni::Endpoint> outbox_;
};

}  // namespace smtni::experiments
