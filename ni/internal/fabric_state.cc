#include "ni/internal/fabric_state.h"

#include <cstring>
#include <string>
#include <type_traits>

#include "ni/counters.h"

namespace smtni::ni {
namespace {

// Packets of one lane before the next lane's turn.
constexpr int kTurn = 8;

static_assert(std::is_trivially_copyable_v<Packet>, "a packet's head travels as its bytes");

// The payload begins at a line of its own, as it does in every cache.
constexpr std::size_t kHead = (sizeof(Packet) + kCacheLine - 1) / kCacheLine * kCacheLine;

Packet packet_in(std::span<const std::byte> bytes) noexcept {
  Packet packet;
  std::memcpy(static_cast<void*>(&packet), bytes.data(), sizeof packet);
  packet.payload = bytes.subspan(kHead);
  return packet;
}

}  // namespace

Result<Fabric> Fabric::create(const FabricOptions& options) {
  // The lanes are made as nodes join; a bad size is told now.
  const auto ring = MessageRing::create(options.buffer);
  if (!ring) return tl::unexpected(ring.error());
  if (ring->max_payload() <= kHead) {
    return failure(Error::Kind::invalid, "a fabric's buffer of " +
                                             std::to_string(options.buffer.count()) +
                                             " bytes holds no packet; accepted: 1 KiB and more");
  }
  return Fabric(std::make_shared<FabricState>(options, ring->max_payload()));
}

Result<std::unique_ptr<FabricState::Lane>> FabricState::new_lane() const {
  auto requests = MessageRing::create(options_.buffer);
  if (!requests) return tl::unexpected(requests.error());
  auto answers = MessageRing::create(options_.buffer);
  if (!answers) return tl::unexpected(answers.error());
  return std::make_unique<Lane>(std::move(*requests), std::move(*answers));
}

Result<std::uint8_t> FabricState::join(std::shared_ptr<Directory> directory) {
  const std::lock_guard guard(control_);
  const std::uint32_t number = joined_.load(std::memory_order_relaxed);  // relaxed: under the lock
  if (number == nodes_.size()) {
    return failure(Error::Kind::would_block,
                   "all " + std::to_string(nodes_.size()) + " nodes of the fabric have been taken");
  }
  Node& node = nodes_[number];
  for (std::uint32_t peer = 0; peer < number; ++peer) {
    auto there = new_lane();
    auto back = new_lane();
    if (!there || !back) return tl::unexpected((there ? back : there).error());
    node.lanes_from[peer] = std::move(*there);
    nodes_[peer].lanes_from[number] = std::move(*back);
  }
  node.directory = std::move(directory);
  node.is_joined.store(true, std::memory_order_release);  // [join]
  joined_.store(number + 1, std::memory_order_release);   // [join]
  return static_cast<std::uint8_t>(number);
}

void FabricState::leave(std::uint8_t node) noexcept {
  nodes_[node].is_joined.store(false, std::memory_order_release);  // [leave]
}

FabricState::Lane* FabricState::lane(std::uint8_t from, std::uint8_t to) noexcept {
  Node& node = nodes_[to];
  // [join] of whichever of the two came later. A node that has left has lanes still; its number is
  // not used again.
  if (from >= nodes() || to >= nodes()) return nullptr;
  if (!node.is_joined.load(std::memory_order_acquire)) return nullptr;  // [leave]
  return node.lanes_from[from].get();
}

const Directory* FabricState::directory(std::uint8_t node) const noexcept {
  if (node >= nodes() || !nodes_[node].is_joined.load(std::memory_order_acquire)) {  // [leave]
    return nullptr;
  }
  return nodes_[node].directory.get();
}

Placed FabricWire::transmit(const Packet& packet, Arrivals& arrivals) noexcept {
  if (packet.target.node() == node_) return arrivals.place(packet);
  FabricState::Lane* const lane = state_->lane(node_, packet.target.node());
  if (lane == nullptr) return Placed::nobody;
  RingProducer& out =
      (packet.operation == Operation::answer ? lane->answers : lane->requests).producer();
  const std::size_t size = kHead + packet.payload.size();
  if (size > state_->max_packet()) return Placed::too_large;
  const auto room = out.reserve(size);
  if (!room) return Placed::would_block;
  std::memcpy(room->data(), &packet, sizeof packet);
  if (!packet.payload.empty()) {
    std::memcpy(room->data() + kHead, packet.payload.data(), packet.payload.size());
  }
  out.commit(size);
  if (packet.operation != Operation::answer) count(lane->sent);
  return Placed::yes;
}

std::size_t FabricWire::max_payload() const noexcept { return state_->max_packet() - kHead; }

Passage FabricWire::passage() const noexcept {
  Passage passage;
  for (std::uint32_t peer = 0; peer < state_->nodes(); ++peer) {
    const FabricState::Lane* const lane =
        peer == node_ ? nullptr : state_->lane(node_, static_cast<std::uint8_t>(peer));
    if (lane == nullptr) continue;
    passage.settled += lane->settled.load(std::memory_order_acquire);  // [settle]
    passage.taken += lane->sent.load(std::memory_order_relaxed);       // relaxed: a count
  }
  return passage;
}

bool FabricWire::deliver(Arrivals& arrivals) noexcept {
  bool moved = false;
  const std::uint32_t nodes = state_->nodes();
  for (std::uint32_t peer = 0; peer < nodes; ++peer) {
    if (peer == node_) continue;
    FabricState::Lane* const lane = state_->lane(static_cast<std::uint8_t>(peer), node_);
    if (lane == nullptr) continue;
    moved |= deliver_answers(*lane, arrivals);
    moved |= deliver_requests(*lane, arrivals);
  }
  return moved;
}

bool FabricWire::deliver_answers(FabricState::Lane& lane, Arrivals& arrivals) noexcept {
  RingConsumer& in = lane.answers.consumer();
  bool moved = false;
  for (int turn = 0; turn < kTurn; ++turn) {
    const std::optional<Message> message = in.take();
    if (!message) break;
    (void)arrivals.place(packet_in(message->payload));  // an answer is always taken in
    in.release();
    moved = true;
  }
  return moved;
}

bool FabricWire::deliver_requests(FabricState::Lane& lane, Arrivals& arrivals) noexcept {
  RingConsumer& in = lane.requests.consumer();
  bool moved = false;
  for (int turn = 0; turn < kTurn; ++turn) {
    if (!lane.held) lane.held = in.take();
    if (!lane.held) break;
    // Refused for good, it ends here; the target has counted it.
    if (arrivals.place(packet_in(lane.held->payload)) == Placed::would_block) break;
    // [settle] release; one writer. relaxed: its own count.
    lane.settled.store(lane.settled.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    lane.held.reset();
    in.release();
    moved = true;
  }
  return moved;
}

}  // namespace smtni::ni
