#include "ni/work_request.h"

#include <gtest/gtest.h>

#include <array>
#include <type_traits>
#include <vector>

namespace smtni::ni {
namespace {

using Bytes64 = std::array<std::byte, 64>;
using Parsed = tl::expected<WorkRequest, Refusal>;

static_assert(std::is_trivially_copyable_v<Parsed>);

constexpr WorkRequest kPut{.opcode = Opcode::put,
                           .flags = WorkFlags::notify | WorkFlags::fence,
                           .target = Address::from_word(0x04030201),
                           .remote_key = RegionKey::from_word(0x08070605),
                           .length = 0x0C0B0A09,
                           .remote_virtual_address = 0x1817161514131211,
                           .local_virtual_address = 0x2827262524232221,
                           .local_key = RegionKey::from_word(0x34333231),
                           .operand = 0x4847464544434241,
                           .compare = 0x54535251,
                           .ticket = 0x6867666564636261};

constexpr WorkRequest kGet{.opcode = Opcode::get,
                           .remote_key = RegionKey(1, 1),
                           .length = 100,
                           .remote_virtual_address = 0x1001,
                           .local_virtual_address = 0x2001,
                           .local_key = RegionKey(2, 1)};

constexpr WorkRequest kFetchAdd{.opcode = Opcode::fetch_add,
                                .remote_key = RegionKey(1, 1),
                                .length = 8,
                                .remote_virtual_address = 0x1008,
                                .operand = 5};

constexpr WorkRequest kCompareSwap{.opcode = Opcode::compare_swap,
                                   .remote_key = RegionKey(1, 1),
                                   .length = 8,
                                   .remote_virtual_address = 0x1008,
                                   .operand = 5,
                                   .compare = 3};

constexpr WorkRequest kPutSignal{.opcode = Opcode::put_signal,
                                 .flags = WorkFlags::signal_add,
                                 .remote_key = RegionKey(1, 1),
                                 .length = 100,
                                 .remote_virtual_address = 0x1001,
                                 .operand = 1,
                                 .compare = 0x2000};

constexpr WorkRequest kMessage{.opcode = Opcode::message, .target = Address::from_word(7)};

constexpr std::array kEveryKind{kMessage, kPut, kGet, kPutSignal, kFetchAdd, kCompareSwap};

Bytes64 bytes_of(const WorkRequest& request) {
  Bytes64 bytes;
  write(request, bytes);
  return bytes;
}

Parsed parsed(const WorkRequest& request) { return parse(bytes_of(request)); }

/// The refusal of `request` after `change`.
template <class Change>
Refusal refusal_of(WorkRequest request, Change change) {
  change(request);
  const Parsed outcome = parsed(request);
  EXPECT_FALSE(outcome);
  return outcome ? Refusal::wrong_size : outcome.error();
}

TEST(WorkRequest, LiesInMemoryAsTheTableSays) {
  const std::array<unsigned char, 64> expected{
      2,    9,    0,    0,    0x01, 0x02, 0x03, 0x04,  // put, notify and fence; target
      0x05, 0x06, 0x07, 0x08, 0x09, 0x0A, 0x0B, 0x0C,  // remote key, length
      0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18,  // remote virtual address
      0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x28,  // local virtual address
      0x31, 0x32, 0x33, 0x34, 0,    0,    0,    0,     // local key
      0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48,  // operand
      0x51, 0x52, 0x53, 0x54, 0,    0,    0,    0,     // compare
      0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68,  // ticket
  };
  const Bytes64 bytes = bytes_of(kPut);
  for (std::size_t at = 0; at < 64; ++at) {
    EXPECT_EQ(std::to_integer<unsigned char>(bytes[at]), expected[at]) << "byte " << at;
  }
}

TEST(WorkRequest, SurvivesTheRoundTrip) {
  for (const WorkRequest& request : kEveryKind) {
    const Parsed back = parsed(request);
    ASSERT_TRUE(back) << name_of(back.error());
    EXPECT_EQ(*back, request);
  }
}

TEST(WorkRequest, HasTheOpcodesOfTheTable) {
  EXPECT_EQ(static_cast<int>(Opcode::message), 1);
  EXPECT_EQ(static_cast<int>(Opcode::put), 2);
  EXPECT_EQ(static_cast<int>(Opcode::get), 3);
  EXPECT_EQ(static_cast<int>(Opcode::put_signal), 4);
  EXPECT_EQ(static_cast<int>(Opcode::fetch_add), 5);
  EXPECT_EQ(static_cast<int>(Opcode::compare_swap), 6);
}

TEST(WorkRequest, IsRefusedInAnyOtherSize) {
  const Bytes64 good = bytes_of(kPut);
  for (std::size_t size = 0; size < 64; ++size) {
    const std::vector<std::byte> exactly(good.begin(), good.begin() + static_cast<long>(size));
    EXPECT_EQ(parse(exactly).error(), Refusal::wrong_size) << size;
  }
  std::vector<std::byte> longer(good.begin(), good.end());
  longer.push_back({});
  EXPECT_EQ(parse(longer).error(), Refusal::wrong_size);
}

TEST(WorkRequest, MayLieAtAnyAddress) {
  const Bytes64 good = bytes_of(kPut);
  std::array<std::byte, 72> room{};
  for (std::size_t shift = 0; shift < 8; ++shift) {
    const std::span bytes = std::span(room).subspan(shift, 64);
    std::copy(good.begin(), good.end(), bytes.begin());
    EXPECT_EQ(parse(bytes), kPut);
  }
}

TEST(WorkRequest, IsRefusedForAnOpcodeThatIsNone) {
  for (int opcode = 0; opcode < 256; ++opcode) {
    if (1 <= opcode && opcode <= 6) continue;
    EXPECT_EQ(refusal_of(kMessage, [&](auto& it) { it.opcode = static_cast<Opcode>(opcode); }),
              Refusal::unknown_opcode)
        << opcode;
  }
  EXPECT_EQ(parse(Bytes64{}).error(), Refusal::unknown_opcode) << "cleared memory";
}

TEST(WorkRequest, IsRefusedForEachReservedBit) {
  for (const WorkRequest& request : kEveryKind) {
    const auto refused_with_bit = [&](std::size_t byte, int bit) {
      Bytes64 bytes = bytes_of(request);
      bytes[byte] |= std::byte{1} << bit;
      const Parsed outcome = parse(bytes);
      return !outcome && outcome.error() == Refusal::reserved_bits;
    };
    for (int bit = 5; bit < 8; ++bit) EXPECT_TRUE(refused_with_bit(1, bit)) << bit;
    for (int bit = 0; bit < 8; ++bit) {
      for (const std::size_t byte : {2U, 3U, 36U, 37U, 38U, 39U}) {
        EXPECT_TRUE(refused_with_bit(byte, bit)) << byte << ", bit " << bit;
      }
    }
  }
}

TEST(WorkRequest, IsRefusedForAFieldThatItsOperationDoesNotUse) {
  const auto reserved = Refusal::reserved_bits;
  EXPECT_EQ(refusal_of(kMessage, [](auto& it) { it.remote_key = RegionKey(1, 1); }), reserved);
  EXPECT_EQ(refusal_of(kMessage, [](auto& it) { it.remote_virtual_address = 8; }), reserved);
  EXPECT_EQ(refusal_of(kMessage, [](auto& it) { it.compare = 1ULL << 32; }), reserved);
  EXPECT_EQ(refusal_of(kPut, [](auto& it) { it.compare = 1ULL << 63; }), reserved);
  EXPECT_EQ(refusal_of(kPut, [](auto& it) { it.local_key = RegionKey(); }), reserved);
  EXPECT_EQ(refusal_of(kGet, [](auto& it) { it.operand = 1; }), reserved);
  EXPECT_EQ(refusal_of(kGet, [](auto& it) { it.compare = 8; }), reserved);
  EXPECT_EQ(refusal_of(kFetchAdd, [](auto& it) { it.compare = 1; }), reserved);
}

TEST(WorkRequest, TakesTheFlagsOfItsOperationOnly) {
  // By opcode: notify 1, local_completion 2, remote_completion 4, fence 8, signal_add 16.
  const std::array<unsigned, 6> accepted{15, 15, 10, 31, 10, 10};
  for (std::size_t kind = 0; kind < kEveryKind.size(); ++kind) {
    for (unsigned flags = 0; flags < 32; ++flags) {
      WorkRequest request = kEveryKind[kind];
      request.flags = static_cast<WorkFlags>(flags);
      const Parsed outcome = parsed(request);
      const bool fits = (flags & ~accepted[kind]) == 0;
      EXPECT_EQ(outcome.has_value(), fits) << kind << ", flags " << flags;
      if (!fits && !outcome) {
        EXPECT_EQ(outcome.error(), Refusal::bad_flags);
      }
    }
  }
}

TEST(WorkRequest, MovesEightBytesInAnAtomic) {
  for (const std::uint32_t length : {0U, 4U, 7U, 9U, 16U, 0xFFFF'FFFFU}) {
    EXPECT_EQ(refusal_of(kFetchAdd, [&](auto& it) { it.length = length; }), Refusal::bad_length);
    EXPECT_EQ(refusal_of(kCompareSwap, [&](auto& it) { it.length = length; }), Refusal::bad_length);
  }
}

TEST(WorkRequest, MayMoveNothingOrAllThatALengthCanSay) {
  for (const std::uint32_t length : {0U, 0xFFFF'FFFFU}) {
    for (WorkRequest request : {kMessage, kPut, kGet, kPutSignal}) {
      request.length = length;
      EXPECT_TRUE(parsed(request));
    }
  }
}

TEST(WorkRequest, AlignsAtomicsAndSignals) {
  for (std::uint64_t offset = 1; offset < 8; ++offset) {
    const auto shift_remote = [&](auto& it) { it.remote_virtual_address += offset; };
    EXPECT_EQ(refusal_of(kFetchAdd, shift_remote), Refusal::misaligned);
    EXPECT_EQ(refusal_of(kCompareSwap, shift_remote), Refusal::misaligned);
    EXPECT_EQ(refusal_of(kPutSignal, [&](auto& it) { it.compare += offset; }), Refusal::misaligned);
  }
}

TEST(WorkRequest, TellsTheFirstReasonInTheOrderOfRefusal) {
  Bytes64 bytes;
  bytes.fill(std::byte{0xFF});
  EXPECT_EQ(parse(bytes).error(), Refusal::unknown_opcode);
  bytes[0] = std::byte{5};
  EXPECT_EQ(parse(bytes).error(), Refusal::reserved_bits);
  WorkRequest request = kFetchAdd;
  request.flags = WorkFlags::notify;
  request.length = 9;
  request.remote_virtual_address = 1;
  EXPECT_EQ(parsed(request).error(), Refusal::bad_flags);
  request.flags = WorkFlags::none;
  EXPECT_EQ(parsed(request).error(), Refusal::bad_length);
  request.length = 8;
  EXPECT_EQ(parsed(request).error(), Refusal::misaligned);
}

TEST(Refusal, HasANameEach) {
  EXPECT_EQ(name_of(Refusal::wrong_size), "wrong_size");
  EXPECT_EQ(name_of(Refusal::unknown_opcode), "unknown_opcode");
  EXPECT_EQ(name_of(Refusal::reserved_bits), "reserved_bits");
  EXPECT_EQ(name_of(Refusal::bad_flags), "bad_flags");
  EXPECT_EQ(name_of(Refusal::bad_length), "bad_length");
  EXPECT_EQ(name_of(Refusal::misaligned), "misaligned");
}

}  // namespace
}  // namespace smtni::ni
