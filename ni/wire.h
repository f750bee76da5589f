#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "ni/address.h"

/// \file
/// What carries messages from the sending side of an interface to the receiving side of one. To add
/// a wire, write a class and give it a row in wires.cc; CONTRIBUTING.md shows how.
namespace smtni::ni {

/// What a packet asks of the interface that it arrives at.
enum class Operation : std::uint8_t {
  message,       ///< place it in the target's message cache
  put,           ///< write the payload to the target's memory
  get,           ///< answer with the target's memory
  fetch_add,     ///< add to a word of the target's memory; answer with what it was
  compare_swap,  ///< replace a word of the target's memory if it is as expected; answer likewise
  answer,        ///< to one of the four above
};

/// What a one-sided operation does, and where. All of it is plain bytes on a wire.
struct RemoteAccess {
  // How a put signals.
  static constexpr std::uint8_t kNoSignal = 0;
  static constexpr std::uint8_t kSet = 1;
  static constexpr std::uint8_t kAdd = 2;

  std::uint32_t key = 0;              ///< of the region
  std::uint32_t length = 0;           ///< bytes of the whole access
  std::uint64_t virtual_address = 0;  ///< where the whole access begins, as its owner sees it
  std::uint32_t offset = 0;           ///< of this packet's payload in it
  std::uint16_t request = 0;          ///< the operation's number at its origin; answers repeat it
  bool is_last = true;                ///< no further packet of this operation follows
  bool is_answered = false;           ///< its origin waits for an answer
  std::uint8_t fault = 0;             ///< of an answer: 0, or 1 + the Fault that refused it
  std::uint64_t operand = 0;   ///< to add, to store, the signal's value, or the bytes that this
                               ///< packet gets; of an answer: the word's old value
  std::uint64_t expected = 0;  ///< compare_swap: what the word must be
  std::uint64_t signal_address = 0;  ///< put: the word to signal once the data is there
  std::uint8_t signal = kNoSignal;   ///< put: how
};

/// A message or a one-sided operation on its way. The payload is borrowed: a wire that keeps it
/// past its call copies it.
struct Packet {
  Operation operation = Operation::message;
  bool notify = true;         ///< the sender's wish; silent delivery is legal
  std::uint16_t handler = 0;  ///< the active message's, or 0
  Address origin = {};
  Address target = {};
  std::uint32_t type_id = 0;
  std::uint64_t user_data = 0;
  RemoteAccess remote = {};
  std::span<const std::byte> payload = {};
};

/// What became of a packet.
enum class Placed : std::uint8_t {
  yes,          ///< it is in the target's message cache, and the target is notified if so wished
  would_block,  ///< the target's message cache is full, or the wire is: nothing happened, try again
  too_large,    ///< it will never fit into the target's message cache
  nobody,       ///< the target is closed, or never was
  // An operation that the target's memory refuses was taken in (yes): its answer says why.
};

/// How far a wire is with what it has taken: the packets taken by transmit() so far, and how many
/// of these, counted from the first one taken up to the first that is still on its way, it has
/// settled: placed, lost, or refused for good. A packet that has overtaken another one counts when
/// that one does, so all that was taken by the time of asking is settled once `settled` reaches
/// what `taken` was.
struct Passage {
  std::uint64_t taken = 0;
  std::uint64_t settled = 0;
};

/// The receiving side of an interface.
class Arrivals {
 public:
  /// Places the payload, then the notification record, then notifies. Or carries out a one-sided
  /// operation; its answer may be given to the same wire, by transmit(), before this returns. An
  /// answer is always taken in.
  /// THREADS: any; packets for one target are placed one after the other.
  virtual Placed place(const Packet& packet) noexcept = 0;

 protected:
  ~Arrivals() = default;
};

/// THREADS: with a dedicated NI thread, that thread alone; with an inline NI, every sender, so a
/// wire guards what it keeps.
class Wire {
 public:
  Wire() = default;
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;
  virtual ~Wire() = default;

  /// Takes the packet, or leaves it with the sender (anything but `yes`).
  virtual Placed transmit(const Packet& packet, Arrivals& arrivals) noexcept = 0;

  /// Moves what has arrived meanwhile; false when there was nothing to move. A wire that delivers
  /// within transmit() has nothing to do here.
  virtual bool deliver(Arrivals& arrivals) noexcept = 0;

  /// The longest payload that transmit() takes, if its target does.
  [[nodiscard]] virtual std::size_t max_payload() const noexcept {
    return std::numeric_limits<std::size_t>::max();
  }

  /// A packet for one's own interface has been placed when transmit() returns, and nobody looks at
  /// it on the way: then a put within the interface may be carried out without one.
  [[nodiscard]] virtual bool is_immediate() const noexcept { return false; }

  /// Packets wait on it, so that what a long transfer sends next had better be at hand when there
  /// is room: the NI then fetches it into staging before.
  [[nodiscard]] virtual bool is_slow() const noexcept { return false; }

  /// For a wire that keeps packets past transmit(), so that closing can wait for them.
  /// ENSURES: whoever sees a packet settled sees what was placed; settled <= taken.
  /// THREADS: any.
  [[nodiscard]] virtual Passage passage() const noexcept { return {}; }
};

struct WireInfo {
  std::string_view name;
  std::string_view summary;
  std::unique_ptr<Wire> (*open)();
};

/// All wires there are.
[[nodiscard]] std::span<const WireInfo> all_wires() noexcept;

/// `invalid`, naming what is accepted, for a name that is none of theirs.
[[nodiscard]] Result<std::unique_ptr<Wire>> open_wire(std::string_view name);

}  // namespace smtni::ni
