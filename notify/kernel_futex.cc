#include "notify/kernel_futex.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace smtni::notify {
namespace {

static_assert(sizeof(std::atomic<std::uint32_t>) == sizeof(std::uint32_t), "the kernel's word");

}  // namespace

bool Futex::notify(const void* /*record*/) noexcept {
  word_.fetch_add(1, std::memory_order_release);  // [word]
  syscall(SYS_futex, &word_, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, nullptr, nullptr, 0);
  return true;
}

void Futex::sleep_while(std::uint32_t seen, Deadline until) noexcept {
  const timespec end = as_monotonic(until);  // FUTEX_WAIT_BITSET takes an absolute time
  syscall(SYS_futex, &word_, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, seen, &end, nullptr,
          FUTEX_BITSET_MATCH_ANY);
}

}  // namespace smtni::notify
