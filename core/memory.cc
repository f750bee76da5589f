#include "core/memory.h"

#include <fcntl.h>
#include <numa.h>
#include <numaif.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <limits>
#include <system_error>
#include <vector>

#ifndef MAP_HUGE_2MB
#define MAP_HUGE_2MB (21 << 26)
#endif
#ifndef MFD_HUGE_2MB
#define MFD_HUGE_2MB (21U << 26)
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

namespace smtni {
namespace {

constexpr std::size_t kHugePage = 2 * 1024 * 1024;
// Leaves room to round up and to align without overflow.
constexpr std::uint64_t kLargestSize = std::numeric_limits<std::int64_t>::max() / 2;

using Backing = MemoryOptions::Backing;

std::string why(std::string_view call, int error_number) {
  return std::string(call) + ": " + std::generic_category().message(error_number);
}

void add_note(std::string& note, const std::string& text) {
  note += (note.empty() ? "" : "; ") + text;
}

std::size_t round_up(std::size_t size, std::size_t unit) { return (size + unit - 1) / unit * unit; }

Result<Fd> sealed_file(std::size_t size, unsigned flags) {
  Fd file(::memfd_create("smtni", MFD_CLOEXEC | MFD_ALLOW_SEALING | flags));
  if (!file.is_open()) return system_failure("memfd_create", errno);
  if (::ftruncate(file.get(), static_cast<off_t>(size)) != 0) {
    return system_failure("ftruncate to " + std::to_string(size) + " bytes", errno);
  }
  if (::fcntl(file.get(), F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) != 0) {
    return system_failure("fcntl(F_ADD_SEALS)", errno);
  }
  return file;
}

// Maps `size` bytes at `address`, or anywhere when it is null.
Result<Mapping> map(std::size_t size, void* address, const Fd& file, int flags) {
  flags |= file.is_open() ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS;
  if (address != nullptr) flags |= MAP_FIXED;
  void* pages = ::mmap(address, size, PROT_READ | PROT_WRITE, flags, file.get(), 0);
  if (pages == MAP_FAILED)
    return system_failure("mmap of " + std::to_string(size) + " bytes", errno);
  return Mapping::adopt({static_cast<std::byte*>(pages), size});
}

// A 2 MiB aligned mapping: a larger range is reserved, and what juts out is given back.
Result<Mapping> map_aligned(std::size_t size, const Fd& file) {
  const std::size_t reserved = size + kHugePage;
  void* range = ::mmap(nullptr, reserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (range == MAP_FAILED) {
    return system_failure("mmap of " + std::to_string(reserved) + " bytes", errno);
  }
  auto* start = static_cast<std::byte*>(range);
  const std::size_t before = round_up(reinterpret_cast<std::uintptr_t>(start), kHugePage) -
                             reinterpret_cast<std::uintptr_t>(start);
  auto mapping = map(size, start + before, file, 0);
  if (!mapping) {
    ::munmap(start, reserved);
    return mapping;
  }
  if (before > 0) ::munmap(start, before);
  ::munmap(start + before + size, reserved - before - size);
  return mapping;
}

Result<Memory> from_pool(const MemoryOptions& options) {
  const std::size_t size = round_up(options.size.count(), kHugePage);
  Memory memory;
  memory.pages = Memory::Pages::huge;
  int flags = MAP_HUGETLB | MAP_HUGE_2MB;
  if (options.backing == Backing::memfd) {
    auto file = sealed_file(size, MFD_HUGETLB | MFD_HUGE_2MB);
    if (!file) return tl::unexpected(file.error());
    memory.file = *std::move(file);
    flags = 0;  // the file carries the page size
  }
  auto mapping = map(size, nullptr, memory.file, flags);
  if (!mapping) return tl::unexpected(mapping.error());
  memory.mapping = *std::move(mapping);
  return memory;
}

Result<Memory> from_base_pages(const MemoryOptions& options) {
  const std::size_t size = options.huge_pages
                               ? round_up(options.size.count(), kHugePage)
                               : static_cast<std::size_t>(whole_pages(options.size).count());
  Memory memory;
  if (options.backing == Backing::memfd) {
    auto file = sealed_file(size, 0);
    if (!file) return tl::unexpected(file.error());
    memory.file = *std::move(file);
  }
  auto mapping =
      options.huge_pages ? map_aligned(size, memory.file) : map(size, nullptr, memory.file, 0);
  if (!mapping) return tl::unexpected(mapping.error());
  memory.mapping = *std::move(mapping);
  if (options.huge_pages) {
    if (::madvise(memory.mapping.pages().data(), size, MADV_HUGEPAGE) == 0) {
      memory.pages = Memory::Pages::transparent;
    } else {
      add_note(memory.note, why("no transparent huge pages: madvise", errno));
    }
  }
  return memory;
}

void prefer_node(int node, Memory& memory) {
  if (::numa_available() < 0) {
    add_note(memory.note, "no NUMA placement: the kernel has no NUMA support");
    return;
  }
  if (node < 0 || node > ::numa_max_node()) {
    add_note(memory.note, "no NUMA placement: the machine has no node " + std::to_string(node));
    return;
  }
  const auto pages = memory.mapping.pages();
  bitmask* nodes = ::numa_bitmask_setbit(::numa_allocate_nodemask(), static_cast<unsigned>(node));
  if (::mbind(pages.data(), pages.size(), MPOL_PREFERRED, nodes->maskp, nodes->size + 1, 0) != 0) {
    add_note(memory.note, why("no NUMA placement: mbind", errno));
  }
  ::numa_free_nodemask(nodes);
}

Result<void> prefault(std::span<std::byte> pages) {
  if (::madvise(pages.data(), pages.size(), MADV_POPULATE_WRITE) == 0) return {};
  if (errno != EINVAL) {
    return system_failure("prefault of " + std::to_string(pages.size()) + " bytes", errno);
  }
  // A kernel before 5.14 touches them one by one.
  const std::size_t step = static_cast<std::size_t>(page_size().count());
  for (std::size_t at = 0; at < pages.size(); at += step) {
    *static_cast<volatile std::byte*>(&pages[at]) = std::byte{0};
  }
  return {};
}

std::optional<int> node_of(std::byte* page) {
  int node = 0;
  if (::numa_available() < 0) return std::nullopt;
  if (::get_mempolicy(&node, nullptr, 0, page, MPOL_F_NODE | MPOL_F_ADDR) != 0) return std::nullopt;
  return node;
}

Result<Memory> settle(Memory memory, const MemoryOptions& options) {
  if (options.node) prefer_node(*options.node, memory);
  if (!options.prefault) return memory;
  if (auto filled = prefault(memory.mapping.pages()); !filled)
    return tl::unexpected(filled.error());
  memory.node = node_of(memory.mapping.pages().data());
  if (options.node && memory.node && *memory.node != *options.node && memory.note.empty()) {
    add_note(memory.note, "node " + std::to_string(*options.node) +
                              " was full: the pages lie on node " + std::to_string(*memory.node));
  }
  return memory;
}

}  // namespace

Result<Memory> allocate(const MemoryOptions& options) {
  if (options.size.count() == 0 || options.size.count() > kLargestSize) {
    return failure(Error::Kind::invalid, "a size of " + std::to_string(options.size.count()) +
                                             " bytes; accepted: 1 to " +
                                             std::to_string(kLargestSize));
  }
  std::string note;
  if (options.huge_pages) {
    // The pool is checked when mapped; only a pool drained in between fails to fill.
    auto memory = from_pool(options).and_then(
        [&options](Memory taken) { return settle(std::move(taken), options); });
    if (memory) return memory;
    note = "no huge pages from the pool (" + memory.error().what + ")";
  }
  auto memory = from_base_pages(options).and_then(
      [&options](Memory taken) { return settle(std::move(taken), options); });
  if (memory && !note.empty()) {
    memory->note = memory->note.empty() ? note : note + "; " + memory->note;
  }
  return memory;
}

}  // namespace smtni
