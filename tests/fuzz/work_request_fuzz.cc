// What must hold for any bytes that the parser of work requests is given. The checks read the bytes
// themselves, not what the parser made of them.
#include <array>
#include <cstdint>
#include <cstring>

#include "core/expect.h"
#include "ni/work_request.h"

namespace smtni::ni {
namespace {

std::uint64_t little_endian(std::span<const std::byte> bytes) {
  std::uint64_t value = 0;
  for (std::size_t at = bytes.size(); at > 0; --at) {
    value = value << 8 | std::to_integer<std::uint64_t>(bytes[at - 1]);
  }
  return value;
}

void check_accepted(const WorkRequest& request, std::span<const std::byte> bytes) {
  SMTNI_EXPECT(bytes.size() == 64);
  const std::uint64_t opcode = little_endian(bytes.subspan(0, 1));
  SMTNI_EXPECT(1 <= opcode && opcode <= 6);
  // Never with reserved bits.
  SMTNI_EXPECT(little_endian(bytes.subspan(1, 1)) < 32);
  SMTNI_EXPECT(little_endian(bytes.subspan(2, 2)) == 0);
  SMTNI_EXPECT(little_endian(bytes.subspan(36, 4)) == 0);
  const bool is_atomic = opcode >= 5;
  if (is_atomic) SMTNI_EXPECT(little_endian(bytes.subspan(12, 4)) == 8);
  if (is_atomic) SMTNI_EXPECT(little_endian(bytes.subspan(16, 8)) % 8 == 0);
  const bool has_signal = opcode == 4;
  if (has_signal) SMTNI_EXPECT(little_endian(bytes.subspan(48, 8)) % 8 == 0);

  std::array<std::byte, kWorkRequestSize> again;
  write(request, again);
  SMTNI_EXPECT(std::memcmp(again.data(), bytes.data(), again.size()) == 0);
}

}  // namespace
}  // namespace smtni::ni

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span bytes(reinterpret_cast<const std::byte*>(data), size);
  const auto parsed = smtni::ni::parse(bytes);
  if (parsed) {
    smtni::ni::check_accepted(*parsed, bytes);
  } else {
    SMTNI_EXPECT(name_of(parsed.error()) != "?");
    SMTNI_EXPECT((size == 64) == (parsed.error() != smtni::ni::Refusal::wrong_size));
  }
  return 0;
}
