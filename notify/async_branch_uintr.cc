#include "notify/async_branch_uintr.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <fstream>
#include <string>
#include <utility>

#include "core/expect.h"
#include "notify/internal/cpu_features.h"

namespace smtni::notify {
namespace {

// The calls of Intel's tree.
constexpr long kRegisterHandler = 471;
constexpr long kUnregisterHandler = 472;
constexpr long kVectorFd = 473;
constexpr long kRegisterSender = 474;
constexpr long kUnregisterSender = 475;

// A kernel that knows the feature lists it; another may have other calls at these numbers.
bool kernel_lists_uintr() {
  std::ifstream description("/proc/cpuinfo");
  for (std::string line; std::getline(description, line);) {
    if (line.starts_with("flags")) return (line + ' ').find(" uintr ") != std::string::npos;
  }
  return false;
}

// Makes no system call: first the processor must have it, then the kernel.
Result<void> uintr_support() {
  if (Result<void> possible = internal::need(internal::Feature::uintr); !possible) return possible;
  if (!internal::has_uintr_instructions()) {
    return failure(Error::Kind::unsupported, "the compiler that built this cannot emit UINTR");
  }
  if (!kernel_lists_uintr()) {
    return failure(Error::Kind::unsupported,
                   "the processor has UINTR but the kernel does not list it in /proc/cpuinfo");
  }
  return {};
}

int descriptor_of(std::uint64_t target) noexcept {
  return static_cast<int>(static_cast<std::uint32_t>(target));
}

// The targets that a thread has been registered for: the latest kTargets of them, in turn.
class Registrations {
 public:
  ~Registrations() {
    for (const Entry& entry : entries_) forget(entry);
  }

  // The index that SENDUIPI takes; negative: the kernel refuses.
  long index_of(std::uint64_t target) noexcept {
    for (const Entry& entry : entries_) {
      if (entry.target == target) return entry.index;
    }
    Entry& entry = entries_[oldest_++ % kTargets];
    forget(entry);
    entry = {target, syscall(kRegisterSender, descriptor_of(target), 0)};
    if (entry.index < 0) entry.target = 0;
    return entry.index;
  }

 private:
  static constexpr std::size_t kTargets = 16;

  struct Entry {
    std::uint64_t target = 0;  // 0: none
    long index = -1;
  };

  static void forget(const Entry& entry) noexcept {
    if (entry.target != 0) syscall(kUnregisterSender, entry.index, 0);
  }

  std::array<Entry, kTargets> entries_{};
  std::size_t oldest_ = 0;
};

std::uint64_t new_target(int descriptor) noexcept {
  static std::atomic<std::uint32_t> used{0};
  const std::uint64_t number = used.fetch_add(1, std::memory_order_relaxed) + 1;  // only distinct
  return number << 32 | static_cast<std::uint32_t>(descriptor);
}

}  // namespace

Result<std::unique_ptr<Uintr>> Uintr::open(const Options& options) {
  if (Result<void> possible = uintr_support(); !possible) {
    return tl::unexpected<Error>(possible.error());
  }
  Result<Mapping> saved = Mapping::anonymous(internal::extended_registers());
  if (!saved) return tl::unexpected<Error>(saved.error());
  return threads::Stack::create(options.stack, kInfo.name).map([&](threads::Stack stack) {
    return std::unique_ptr<Uintr>(new Uintr(std::move(stack), std::move(*saved)));
  });
}

Uintr::Uintr(threads::Stack stack, Mapping saved) noexcept
    : state_(std::move(stack)),
      saved_(std::move(saved)),
      receiver_{[](void* state) noexcept { static_cast<BranchState*>(state)->branch(); }, &state_,
                saved_.pages().data()} {}

Result<void> Uintr::arm(const Handler& handler) {
  if (syscall(kRegisterHandler, internal::uintr_entry_point(), 0) != 0) {
    return system_failure("uintr_register_handler", errno);
  }
  vector_ = Fd(static_cast<int>(syscall(kVectorFd, 0, 0)));
  if (!vector_.is_open()) {
    const int error_number = errno;
    syscall(kUnregisterHandler, 0);
    return system_failure("uintr_vector_fd", error_number);
  }
  internal::set_uintr_receiver(&receiver_);
  state_.arm(handler);
  internal::allow_user_interrupts();
  // [arm] publish the target …
  target_.exchange(new_target(vector_.get()), std::memory_order_seq_cst);
  state_.branch();  // … then look at the line, by exchange
  return {};
}

void Uintr::disarm() noexcept {
  if (!vector_.is_open()) return;
  target_.store(
      0, std::memory_order_relaxed);  // relaxed: a late SENDUIPI finds nobody, or a closed gate
  internal::hold_user_interrupts();
  state_.disarm();
  syscall(kUnregisterHandler, 0);
  internal::set_uintr_receiver(nullptr);
  vector_ = Fd();
}

void Uintr::interrupt() noexcept {
  // [arm] the line is marked; now look for the target. Without one the receiver will look when it
  // arms.
  const std::uint64_t target = target_.load(std::memory_order_seq_cst);
  if (target == 0) return;
  thread_local Registrations registrations;
  const long index = registrations.index_of(target);
  if (index >= 0) internal::send_user_interrupt(static_cast<std::uint64_t>(index));
}

}  // namespace smtni::notify
