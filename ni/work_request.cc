#include "ni/work_request.h"

#include <cstring>

namespace smtni::ni {
namespace {

constexpr std::size_t kWord = sizeof(std::uint64_t);

constexpr WorkFlags kAnswerFlags = WorkFlags::fence | WorkFlags::local_completion;
constexpr WorkFlags kArrivalFlags = kAnswerFlags | WorkFlags::notify | WorkFlags::remote_completion;
constexpr WorkFlags kAllFlags = kArrivalFlags | WorkFlags::signal_add;

constexpr std::uint64_t kTypeIdBits = 0xFFFF'FFFF;
constexpr std::uint64_t kAllBits = ~std::uint64_t{0};

// What an operation allows and uses: a row of the table in work_request.h.
struct Shape {
  WorkFlags flags;
  bool uses_remote = true;
  bool uses_operand = true;
  std::uint64_t compare_bits = 0;
  bool is_atomic = false;
};

std::optional<Shape> shape_of(Opcode opcode) noexcept {
  switch (opcode) {
    case Opcode::message:
      return Shape{.flags = kArrivalFlags, .uses_remote = false, .compare_bits = kTypeIdBits};
    case Opcode::put:
      return Shape{.flags = kArrivalFlags, .compare_bits = kTypeIdBits};
    case Opcode::get:
      return Shape{.flags = kAnswerFlags, .uses_operand = false};
    case Opcode::put_signal:
      return Shape{.flags = kAllFlags, .compare_bits = kAllBits};
    case Opcode::fetch_add:
      return Shape{.flags = kAnswerFlags, .is_atomic = true};
    case Opcode::compare_swap:
      return Shape{.flags = kAnswerFlags, .compare_bits = kAllBits, .is_atomic = true};
  }
  return std::nullopt;
}

bool has_reserved_bits(const WorkRequest& request, const Shape& shape) noexcept {
  const bool has_remote = request.remote_key != RegionKey() || request.remote_virtual_address != 0;
  return request.reserved_at_2 != 0 || request.reserved_at_36 != 0 ||
         !includes(kAllFlags, request.flags) || (has_remote && !shape.uses_remote) ||
         (request.operand != 0 && !shape.uses_operand) ||
         (request.compare & ~shape.compare_bits) != 0 ||
         (request.local_key == RegionKey() && request.local_virtual_address != 0);
}

bool is_misaligned(const WorkRequest& request, const Shape& shape) noexcept {
  return (shape.is_atomic && request.remote_virtual_address % kWord != 0) ||
         (request.opcode == Opcode::put_signal && request.compare % kWord != 0);
}

}  // namespace

std::string_view name_of(Refusal refusal) noexcept {
  switch (refusal) {
    case Refusal::wrong_size:
      return "wrong_size";
    case Refusal::unknown_opcode:
      return "unknown_opcode";
    case Refusal::reserved_bits:
      return "reserved_bits";
    case Refusal::bad_flags:
      return "bad_flags";
    case Refusal::bad_length:
      return "bad_length";
    case Refusal::misaligned:
      return "misaligned";
  }
  return "?";
}

tl::expected<WorkRequest, Refusal> parse(std::span<const std::byte> bytes) noexcept {
  if (bytes.size() != kWorkRequestSize) return tl::unexpected(Refusal::wrong_size);
  WorkRequest request;
  std::memcpy(&request, bytes.data(), kWorkRequestSize);
  // What was copied is what is checked: the compiler may not read the bytes again.
  asm volatile("" : "+m"(request));

  if (const std::optional<Refusal> refusal = check(request)) return tl::unexpected(*refusal);
  return request;
}

std::optional<Refusal> check(const WorkRequest& request) noexcept {
  const std::optional<Shape> shape = shape_of(request.opcode);
  if (!shape) return Refusal::unknown_opcode;
  if (has_reserved_bits(request, *shape)) return Refusal::reserved_bits;
  if (!includes(shape->flags, request.flags)) return Refusal::bad_flags;
  if (shape->is_atomic && request.length != kWord) return Refusal::bad_length;
  if (is_misaligned(request, *shape)) return Refusal::misaligned;
  return std::nullopt;
}

void write(const WorkRequest& request, std::span<std::byte, kWorkRequestSize> bytes) noexcept {
  std::memcpy(bytes.data(), &request, kWorkRequestSize);
}

}  // namespace smtni::ni
