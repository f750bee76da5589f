#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <tl/expected.hpp>
#include <type_traits>

#include "ni/address.h"
#include "ni/region.h"

/// \file
/// The work request: what a user composes in the send buffer to tell the NI what to do, and the
/// check that it passes before the NI acts on a single field. Little-endian, one cache line:
///
///   byte  size  field
///      0     1  opcode
///      1     1  flags                   bits 5 to 7 are reserved
///      2     2  reserved
///      4     4  target                  word of an ni::Address
///      8     4  remote key              word of the target's RegionKey
///     12     4  length                  bytes moved; 8 for an atomic
///     16     8  remote virtual address  the target's
///     24     8  local virtual address   the sender's
///     32     4  local key               word of the sender's RegionKey, or 0
///     36     4  reserved
///     40     8  operand                 see below
///     48     8  compare                 see below
///     56     8  ticket                  comes back in the completion; any value
///
/// What is reserved is 0, and so is what an operation does not use (-):
///
///   opcode        remote key, address  operand       compare                   flags beside fence
///   message       -                    user_data     type_id, 32 bits          n l r
///   put           to                   user_data     type_id, 32 bits          n l r
///   get           from                 -             -                         l
///   put_signal    to                   signal value  signal's virtual address  n l r a
///   fetch_add     of                   addend        -                         l
///   compare_swap  of                   new value     expected value            l
///
/// n, l, r, a: notify, local_completion, remote_completion, signal_add. The answer of a get or an
/// atomic is its completion at both ends. The signal lies in the region of the remote key.
///
/// Without a local key, the payload lies in the send buffer behind the request, and an atomic's
/// answer comes with its completion alone; the local address is unused then.
namespace smtni::ni {

enum class Opcode : std::uint8_t {
  message = 1,  ///< into the target's message cache; 0 is none, so cleared memory is refused
  put,
  get,
  put_signal,    ///< a put, then a store of the signal or an addition to it
  fetch_add,     ///< atomic, 8 bytes; answers with the value before
  compare_swap,  ///< atomic, 8 bytes; answers with the value before
};

/// Flags combine with `|`.
enum class WorkFlags : std::uint8_t {
  none = 0,
  notify = 1 << 0,             ///< notify the target when all has arrived
  local_completion = 1 << 1,   ///< tell when the sender's memory may be used again
  remote_completion = 1 << 2,  ///< tell when it has been done at the target
  fence = 1 << 3,              ///< not before all earlier requests of this endpoint are done
  signal_add = 1 << 4,         ///< add the signal value; without it, the signal is set
};

[[nodiscard]] constexpr WorkFlags operator|(WorkFlags a, WorkFlags b) noexcept {
  return static_cast<WorkFlags>(static_cast<unsigned>(a) | static_cast<unsigned>(b));
}
[[nodiscard]] constexpr bool includes(WorkFlags given, WorkFlags wanted) noexcept {
  return (static_cast<unsigned>(wanted) & ~static_cast<unsigned>(given)) == 0;
}

/// The table above, as memory holds it.
struct WorkRequest {
  Opcode opcode{};
  WorkFlags flags = WorkFlags::none;
  std::uint16_t reserved_at_2 = 0;
  Address target = {};
  RegionKey remote_key = {};
  std::uint32_t length = 0;
  std::uint64_t remote_virtual_address = 0;
  std::uint64_t local_virtual_address = 0;
  RegionKey local_key = {};
  std::uint32_t reserved_at_36 = 0;
  std::uint64_t operand = 0;
  std::uint64_t compare = 0;
  std::uint64_t ticket = 0;

  friend constexpr bool operator==(const WorkRequest&, const WorkRequest&) noexcept = default;
};

inline constexpr std::size_t kWorkRequestSize = 64;

static_assert(std::endian::native == std::endian::little);
static_assert(sizeof(WorkRequest) == kWorkRequestSize && std::is_trivially_copyable_v<WorkRequest>);
static_assert(std::is_standard_layout_v<WorkRequest>);
static_assert(offsetof(WorkRequest, flags) == 1 && offsetof(WorkRequest, reserved_at_2) == 2);
static_assert(offsetof(WorkRequest, target) == 4 && sizeof(Address) == 4);
static_assert(offsetof(WorkRequest, remote_key) == 8 && sizeof(RegionKey) == 4);
static_assert(offsetof(WorkRequest, length) == 12);
static_assert(offsetof(WorkRequest, remote_virtual_address) == 16);
static_assert(offsetof(WorkRequest, local_virtual_address) == 24);
static_assert(offsetof(WorkRequest, local_key) == 32);
static_assert(offsetof(WorkRequest, reserved_at_36) == 36);
static_assert(offsetof(WorkRequest, operand) == 40 && offsetof(WorkRequest, compare) == 48);
static_assert(offsetof(WorkRequest, ticket) == 56);

/// Why a work request is not carried out. Nothing was done for it.
enum class Refusal : std::uint8_t {
  wrong_size,      ///< not the 64 bytes of a work request
  unknown_opcode,  ///< none of those there are
  reserved_bits,   ///< reserved bits, or a field that the operation does not use, are not 0
  bad_flags,       ///< a flag that makes no sense with the opcode
  bad_length,      ///< an atomic of other than 8 bytes
  misaligned,      ///< an atomic's or a signal's address is no multiple of 8
};

/// The spelling of a refusal in results: "wrong_size", "unknown_opcode", …
[[nodiscard]] std::string_view name_of(Refusal refusal) noexcept;

/// The request that the bytes hold, checked; or the first reason to refuse it, in the order of
/// Refusal. Keys, addresses and the target are not looked up here.
///
/// ENSURES: no byte is read twice, so what is checked is what is returned, whoever writes the bytes
/// meanwhile. COST: one line, no call.
[[nodiscard]] tl::expected<WorkRequest, Refusal> parse(std::span<const std::byte> bytes) noexcept;

/// The same check of a request that is this side's own. COST: no copy.
[[nodiscard]] std::optional<Refusal> check(const WorkRequest& request) noexcept;

/// Composes the bytes that parse() reads.
void write(const WorkRequest& request, std::span<std::byte, kWorkRequestSize> bytes) noexcept;

}  // namespace smtni::ni
