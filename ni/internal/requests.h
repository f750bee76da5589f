#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "ni/completion_queue.h"
#include "ni/endpoint.h"
#include "ni/fault.h"
#include "ni/internal/remote_memory.h"
#include "ni/wire.h"
#include "ni/work_request.h"

namespace smtni::ni {

class Core;
struct Port;

/// The origin's side of one endpoint's work requests: which are under way, and what is still to be
/// sent of them.
///
/// A request is sent as one packet or, where it is longer than a segment, as several. One transfer
/// of several packets whose payload the NI fetches itself (DMA) goes on segment by segment between
/// other work, so short messages do not wait for it: there is one at a time. All others are sent at
/// once, or not yet.
///
/// Edge:
///   [done]  the NI adds to finished_ with release  ->  finished() loads it with acquire: what the
///           request did has been done
///
/// THREADS: whoever does the NI's work; finished() and take_fault(): the endpoint's thread.
class Requests {
 public:
  /// Requests of one endpoint that are under way at once.
  static constexpr std::uint32_t kMax = Endpoint::kMaxPosted;
  /// The most that one packet carries of a longer transfer. A copy's start costs, so that shorter
  /// segments fall behind one memcpy of the whole; and others wait for no longer than one takes.
  static constexpr std::uint32_t kSegment = Endpoint::kMaxComposed;
  /// The same where the caller does the NI's work, and so no message of its own waits meanwhile;
  /// others wait for the region table.
  static constexpr std::uint32_t kSegmentInTheCall = 64 * 1024;

  /// Starts `request`, whose payload is `composed` unless it names a slice. False: not yet, ask
  /// again with the same request. REQUIRES: it has passed check().
  bool start(Core& core, Port& port, const WorkRequest& request,
             std::span<const std::byte> composed) noexcept;

  /// Sends the next segment of the transfer that is under way; false when there was none to send.
  bool go_on(Core& core, Port& port) noexcept;

  /// Forgets the transfer that is under way, as if the request had never been started.
  /// REQUIRES: no packet of it can be answered.
  void abandon() noexcept;

  [[nodiscard]] bool has_transfer() const noexcept { return transfer_.has_value(); }

  /// An answer to one of these has come.
  void answered(Core& core, Port& port, const Packet& answer) noexcept;

  /// Requests that are over, of all that were ever started.
  [[nodiscard]] std::uint64_t finished() const noexcept {
    return finished_.load(std::memory_order_acquire);  // [done]
  }
  /// An operation that needed no request was refused. THREADS: the endpoint's.
  void refused(Fault fault) noexcept;
  /// The first fault since the last call, if there was one.
  std::optional<Fault> take_fault() noexcept;

  /// As if none had ever been started. REQUIRES: nobody uses it.
  void reset(Port& port) noexcept;

 private:
  struct Request {
    WorkRequest work;
    std::uint32_t unanswered = 0;  // packets whose answers are out
    bool is_sent = false;          // all of it
    std::optional<Fault> fault = std::nullopt;
    std::uint64_t value = 0;
  };

  // What is still to be sent of one request.
  struct Transfer {
    std::uint16_t number = 0;
    std::uint32_t offset = 0;
    std::span<const std::byte> composed = {};
    bool is_staged = false;  // fetched by the port's fetch, not sent straight from the source
  };

  enum class Sent : std::uint8_t { all, some, none };

  Sent send_next(Core& core, Transfer& transfer, Port& port) noexcept;
  Sent send_staged(Core& core, Transfer& transfer, Port& port) noexcept;
  void begin_fetch(Core& core, Transfer& transfer, Port& port) noexcept;
  Placed send_packet(Core& core, const Port& port, const Transfer& transfer,
                     std::uint32_t size) noexcept;
  Placed transmit(Core& core, const Port& port, const Transfer& transfer,
                  std::span<const std::byte> payload, std::uint32_t size) noexcept;
  Sent all_sent(Port& port, const Transfer& transfer) noexcept;
  void end(Port& port, std::uint16_t number) noexcept;
  static void complete(Port& port, const Request& request, CompletionScope scope) noexcept;

  std::array<Request, kMax> requests_;
  std::uint64_t free_ = ~std::uint64_t{0};  // a bit a request
  std::optional<Transfer> transfer_;
  std::atomic<std::uint64_t> finished_{0};
  std::atomic<std::uint8_t> first_fault_{0};  // 0: none; else 1 + the fault
};

}  // namespace smtni::ni
