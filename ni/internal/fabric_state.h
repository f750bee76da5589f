#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>

#include "core/message_ring.h"
#include "core/result.h"
#include "ni/address.h"
#include "ni/fabric.h"
#include "ni/internal/directory.h"
#include "ni/wire.h"

namespace smtni::ni {

/// What a fabric's nodes share: a directory each, and the lanes between them.
///
/// Edges:
///   [join]  join() stores `is_joined` with release, after the node's directory and lanes exist  ->
///           lane() and directory() load it with acquire
///   [settle] the receiving NI adds to a lane's `settled` with release  ->  passage() loads it with
///           acquire: what was placed is there
///   [leave] leave() stores `is_joined` false  ->  senders find nobody; what is on the lanes to the
///           node is lost with it
class FabricState {
 public:
  /// One direction between two nodes. The producer is the sending node's NI thread, the consumer
  /// the receiving node's.
  struct Lane {
    Lane(MessageRing requests_of, MessageRing answers_of) noexcept
        : requests(std::move(requests_of)), answers(std::move(answers_of)) {}

    MessageRing requests;
    MessageRing answers;
    // Requests that were sent, and those that are done with; each has one writer.
    alignas(kLinePair) std::atomic<std::uint64_t> sent{0};
    alignas(kLinePair) std::atomic<std::uint64_t> settled{0};
    std::optional<Message> held;  // the consumer's: taken from `requests`, not yet accepted
  };

  FabricState(const FabricOptions& options, std::size_t max_packet) noexcept
      : options_(options), max_packet_(max_packet) {}

  /// The new node's number. `would_block` when Fabric::kMaxNodes have joined.
  Result<std::uint8_t> join(std::shared_ptr<Directory> directory);
  void leave(std::uint8_t node) noexcept;

  /// The longest packet that a lane takes, its head included.
  [[nodiscard]] std::size_t max_packet() const noexcept { return max_packet_; }

  /// Null unless both have joined. THREADS: a lane's ends, as Lane says.
  [[nodiscard]] Lane* lane(std::uint8_t from, std::uint8_t to) noexcept;
  /// Null unless it has joined. Valid while this exists.
  [[nodiscard]] const Directory* directory(std::uint8_t node) const noexcept;
  /// How many NI threads of this fabric run on `cpu`: one that is not alone there yields when it
  /// has nothing to do. A statistic; another processor may share the number, which costs a yield.
  [[nodiscard]] std::atomic<std::uint32_t>& nis_on(int cpu) noexcept {
    return nis_on_[static_cast<std::size_t>(cpu) % nis_on_.size()];
  }

  /// Nodes that have ever joined.
  [[nodiscard]] std::uint32_t nodes() const noexcept {
    return joined_.load(std::memory_order_acquire);  // [join]
  }

 private:
  struct Node {
    std::atomic<bool> is_joined{false};
    std::shared_ptr<Directory> directory;
    std::array<std::unique_ptr<Lane>, Fabric::kMaxNodes> lanes_from;  // by sender
  };

  Result<std::unique_ptr<Lane>> new_lane() const;

  const FabricOptions options_;
  const std::size_t max_packet_;
  std::mutex control_;  // joining
  std::array<Node, Fabric::kMaxNodes> nodes_;
  std::atomic<std::uint32_t> joined_{0};
  std::array<std::atomic<std::uint32_t>, 256> nis_on_{};
};

/// A node's end of the fabric: routes by the target's node. THREADS: the node's NI thread.
class FabricWire final : public Wire {
 public:
  FabricWire(std::shared_ptr<FabricState> state, std::uint8_t node) noexcept
      : state_(std::move(state)), node_(node) {}
  ~FabricWire() override { state_->leave(node_); }

  Placed transmit(const Packet& packet, Arrivals& arrivals) noexcept override;
  bool deliver(Arrivals& arrivals) noexcept override;
  [[nodiscard]] std::size_t max_payload() const noexcept override;
  /// What was sent to a node that has left is settled.
  [[nodiscard]] Passage passage() const noexcept override;

 private:
  static bool deliver_requests(FabricState::Lane& lane, Arrivals& arrivals) noexcept;
  static bool deliver_answers(FabricState::Lane& lane, Arrivals& arrivals) noexcept;

  std::shared_ptr<FabricState> state_;
  const std::uint8_t node_;
};

}  // namespace smtni::ni
