#include "core/posix.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SMTNI_WITH_ASAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(SMTNI_WITH_ASAN)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_UNPOISON_MEMORY_REGION(address, size) void(0)
#endif

namespace smtni {

Fd::~Fd() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Mapping::~Mapping() {
  if (pages_.empty()) return;
  // Pages that were a stack may hold the marks of frames that never returned; whoever is given the
  // addresses next would be blamed for them.
  ASAN_UNPOISON_MEMORY_REGION(pages_.data(), pages_.size());
  ::munmap(pages_.data(), pages_.size());
}

Result<Mapping> Mapping::anonymous(Bytes size) {
  const auto length = static_cast<std::size_t>(whole_pages(size).count());
  void* pages = ::mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) {
    return system_failure("mmap of " + std::to_string(length) + " bytes", errno);
  }
  return Mapping({static_cast<std::byte*>(pages), length});
}

Bytes page_size() noexcept { return Bytes(static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE))); }

Bytes whole_pages(Bytes size) noexcept {
  const std::uint64_t page = page_size().count();
  return Bytes((size.count() + page - 1) / page * page);
}

}  // namespace smtni
