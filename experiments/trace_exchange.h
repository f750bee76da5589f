#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/cpu.h"
#include "core/deadline.h"
#include "core/result.h"
#include "experiments/trace_collector.h"
#include "experiments/trace_stamps.h"
#include "ni/interface.h"
#include "notify/mechanism.h"

namespace smtni::experiments {

/// One mechanism's messages, from a sender's thread to a receiver's, or to a context.
///
/// Edges, each stored with release and loaded with acquire:
///   [ready]    the receiver has armed, and the tracer watches  ->  the sender begins
///   [handled]  the receiver, or the context, is through with so many messages  ->  the sender sees
///              its stamps
///   [over]     the sender has ended, or the receiver could not begin  ->  the other side ends
class TraceExchange {
 public:
  explicit TraceExchange(const TraceConditions& conditions)
      : conditions_(conditions),
        // One more than there are: the last message only ends the receiver's wait.
        journeys_(conditions.warm_up + conditions.messages + 1),
        payload_(conditions.payload_bytes) {}

  Result<std::vector<Journey>> run();

 private:
  // Far beyond any honest delivery.
  static constexpr std::chrono::seconds kPatience{10};

  [[nodiscard]] notify::Options mechanism_options() const {
    return {.context_cpus = {conditions_.cpus.contexts.front()}};
  }
  [[nodiscard]] std::uint64_t last() const noexcept { return journeys_.size() - 1; }
  [[nodiscard]] bool sender_shares_cpu() const noexcept {
    return conditions_.cpus.sender == conditions_.cpus.receiver ||
           (conditions_.drive == ni::Drive::dedicated &&
            conditions_.cpus.sender == conditions_.cpus.ni);
  }

  Result<void> open(notify::Role role);
  Result<void> spawn();
  Result<void> exchange(notify::Role role);

  // The sender's.
  void send_all() noexcept;
  bool send(std::uint64_t number) noexcept;
  template <class Done>
  bool await(Done done, Deadline until) const noexcept;

  // The receiver's.
  void wait_and_handle() noexcept;
  void compute_and_branch();
  void handle(std::uint64_t number, std::span<const std::byte> payload, Stamp began) noexcept;
  void end_receiving(Result<void> why);

  const TraceConditions& conditions_;
  std::vector<Journey> journeys_;
  std::vector<std::byte> payload_;
  Tracer tracer_{journeys_};
  std::optional<ni::Interface> interface_;
  std::optional<ni::Endpoint> inbox_;
  std::optional<ni::Endpoint> outbox_;
  std::string sender_fault_;                                  // the sender's; empty: none
  Result<void> receiver_result_ = {};                         // the receiver's
  std::atomic<bool> is_ready_{false};                         // [ready]
  std::atomic<bool> is_over_{false};                          // [over]
  alignas(kLinePair) std::atomic<std::uint64_t> handled_{0};  // [handled]
  // The receiver's: written in its handler, which may interrupt it anywhere.
  alignas(kLinePair) std::atomic<std::uint64_t> branched_{0};
  std::atomic<bool> is_broken_{false};  // a payload came that was not sent
};

}  // namespace smtni::experiments
