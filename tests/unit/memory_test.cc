#include "core/memory.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>

namespace smtni {
namespace {

using Backing = MemoryOptions::Backing;

Memory allocated(const MemoryOptions& options) {
  auto memory = allocate(options);
  EXPECT_TRUE(memory) << memory.error().what;
  return memory ? *std::move(memory) : Memory{};
}

bool is_zero(std::span<const std::byte> pages) {
  return std::all_of(pages.begin(), pages.end(), [](std::byte one) { return one == std::byte{0}; });
}

TEST(Memory, IsZeroFilledAndRoundedUpToPages) {
  for (const Backing backing : {Backing::process, Backing::memfd}) {
    const Memory memory = allocated({.size = Bytes(5000), .backing = backing});
    EXPECT_EQ(memory.mapping.pages().size(), whole_pages(Bytes(5000)).count());
    EXPECT_TRUE(is_zero(memory.mapping.pages()));
    EXPECT_EQ(memory.pages, Memory::Pages::base);
    EXPECT_EQ(memory.note, "");
  }
}

TEST(Memory, OfAFileIsSharedByWhoeverMapsIt) {
  const Memory memory = allocated({.size = Bytes(4096), .backing = Backing::memfd});
  ASSERT_TRUE(memory.file.is_open());
  const std::size_t size = memory.mapping.pages().size();
  void* second = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, memory.file.get(), 0);
  ASSERT_NE(second, MAP_FAILED);
  const Mapping other = Mapping::adopt({static_cast<std::byte*>(second), size});
  memory.mapping.pages()[100] = std::byte{42};
  EXPECT_EQ(other.pages()[100], std::byte{42});
}

TEST(Memory, OfAFileCanNeverChangeItsSize) {
  const Memory memory = allocated({.size = Bytes(4096), .backing = Backing::memfd});
  EXPECT_EQ(::ftruncate(memory.file.get(), 0), -1);
  EXPECT_EQ(errno, EPERM);
  EXPECT_EQ(::ftruncate(memory.file.get(), 1 << 20), -1);
  EXPECT_EQ(errno, EPERM);
  EXPECT_EQ(::fcntl(memory.file.get(), F_ADD_SEALS, F_SEAL_WRITE), -1);
  EXPECT_EQ(errno, EPERM);
}

TEST(Memory, OfTheProcessHasNoFile) { EXPECT_FALSE(allocated({.size = Bytes(1)}).file.is_open()); }

TEST(Memory, WithHugePagesSaysWhatItGotInstead) {
  for (const Backing backing : {Backing::process, Backing::memfd}) {
    const Memory memory =
        allocated({.size = Bytes(3 * 1024 * 1024), .backing = backing, .huge_pages = true});
    EXPECT_EQ(memory.mapping.pages().size(), 4U * 1024 * 1024);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(memory.mapping.pages().data()) % (2 * 1024 * 1024),
              0U);
    EXPECT_EQ(memory.pages == Memory::Pages::huge, memory.note.empty()) << memory.note;
    EXPECT_TRUE(is_zero(memory.mapping.pages()));
  }
}

TEST(Memory, OnANodeThatIsAbsentIsCarriedOnWithANote) {
  const Memory memory = allocated({.size = Bytes(4096), .node = 4000});
  EXPECT_NE(memory.note.find("no NUMA placement"), std::string::npos) << memory.note;
}

TEST(Memory, TellsTheNodeThatItLiesOn) {
  const Memory memory = allocated({.size = Bytes(4096), .node = 0});
  if (!memory.node) GTEST_SKIP() << "the kernel does not tell: " << memory.note;
  EXPECT_EQ(memory.note.empty(), memory.node == 0) << memory.note;
}

TEST(Memory, IsInvalidWithoutSizeOrBeyondTheMachine) {
  for (const std::uint64_t size :
       {std::uint64_t{0}, std::numeric_limits<std::uint64_t>::max(), std::uint64_t{1} << 60}) {
    for (const bool huge_pages : {false, true}) {
      const auto memory = allocate({.size = Bytes(size), .huge_pages = huge_pages});
      ASSERT_FALSE(memory);
      EXPECT_EQ(memory.error().kind, Error::Kind::invalid);
    }
  }
}

}  // namespace
}  // namespace smtni
