#include "threads/stack.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>

namespace smtni::threads {
namespace {

// One guard page and whose it is. The reporter reads it in a signal handler, so all is atomic.
//
//   lowest | meaning
//   0      | free
//   1      | taken, not filled in yet
//   else   | the guard page's address
//
// Written by the owner of the stack, who takes the slot by a compare-exchange from 0.
struct Guard {
  std::atomic<std::uintptr_t> lowest{0};
  std::atomic<std::size_t> usable_kib{0};
  std::atomic<const char*> name{nullptr};
  std::atomic<std::size_t> name_length{0};
};
static_assert(std::atomic<std::uintptr_t>::is_always_lock_free, "a signal handler reads it");

// A fault has only its address to tell whose it was, so these are the process's.
constinit std::array<Guard, Stack::kMaxGuarded> guards;
constinit std::array<struct sigaction, 2> previous_actions{};
std::size_t guard_bytes = 0;

struct sigaction& previous_action(int signal) noexcept {
  return previous_actions[signal == SIGSEGV ? 0 : 1];
}

const Guard* guard_at(std::uintptr_t address) noexcept {
  for (const Guard& guard : guards) {
    // [guard]
    const std::uintptr_t lowest = guard.lowest.load(std::memory_order_acquire);
    if (lowest > 1 && address >= lowest && address - lowest < guard_bytes) return &guard;
  }
  return nullptr;
}

// A line of text without the C library, which is not async-signal-safe.
class Line {
 public:
  void add(std::string_view text) noexcept {
    const std::size_t count = std::min(text.size(), text_.size() - length_);
    std::copy_n(text.data(), count, text_.data() + length_);
    length_ += count;
  }
  void add(std::size_t number) noexcept {
    std::array<char, 20> digits{};
    std::size_t first = digits.size();
    do {
      digits[--first] = static_cast<char>('0' + number % 10);
      number /= 10;
    } while (number != 0);
    add(std::string_view(digits.data() + first, digits.size() - first));
  }
  void write_to_stderr() const noexcept {
    // A failure has nowhere to be reported.
    [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, text_.data(), length_);
  }

 private:
  std::array<char, 256> text_{};
  std::size_t length_ = 0;
};

void report(const Guard& guard) noexcept {
  // Relaxed: the faulting thread runs on this stack, so all was written long ago or by itself.
  Line line;
  line.add("smtni: handler '");
  line.add({guard.name.load(std::memory_order_relaxed),
            guard.name_length.load(std::memory_order_relaxed)});
  line.add("' overran its stack of ");
  line.add(guard.usable_kib.load(std::memory_order_relaxed));
  line.add(" KiB\n");
  line.write_to_stderr();
}

// Async-signal-safe. After an overrun, and for a fault that nobody handled before, it restores the
// default action and returns: the instruction faults again and the process ends as it should.
void on_fault(int signal, siginfo_t* info, void* machine_state) {
  const Guard* guard = guard_at(reinterpret_cast<std::uintptr_t>(info->si_addr));
  const struct sigaction& previous = previous_action(signal);
  if (guard != nullptr) {
    report(*guard);
  } else if ((previous.sa_flags & SA_SIGINFO) != 0) {
    previous.sa_sigaction(signal, info, machine_state);
    return;
  } else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) {
    previous.sa_handler(signal);
    return;
  }
  struct sigaction default_action = {};
  default_action.sa_handler = SIG_DFL;
  ::sigaction(signal, &default_action, nullptr);
}

void install_reporter() noexcept {
  static std::once_flag once;
  std::call_once(once, [] {
    guard_bytes = page_size().count();
    struct sigaction action = {};
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    ::sigemptyset(&action.sa_mask);
    for (const int signal : {SIGSEGV, SIGBUS}) {
      ::sigaction(signal, &action, &previous_action(signal));
    }
  });
}

std::size_t register_guard(const std::byte* lowest, Bytes usable) noexcept {
  for (std::size_t index = 0; index < guards.size(); ++index) {
    std::uintptr_t free = 0;
    // Acquire: pairs with the release in ~Stack, so that two owners' writes stay in order.
    if (!guards[index].lowest.compare_exchange_strong(free, 1, std::memory_order_acquire,
                                                      std::memory_order_relaxed)) {
      continue;
    }
    guards[index].usable_kib.store(usable.count() / kKiB.count(), std::memory_order_relaxed);
    // [guard] release: whoever finds the page finds its size.
    guards[index].lowest.store(reinterpret_cast<std::uintptr_t>(lowest), std::memory_order_release);
    return index;
  }
  return guards.size();
}

}  // namespace

Result<Stack> Stack::create(Bytes usable, std::string_view name) {
  if (usable < kMinUsable || usable > kMaxUsable) {
    return failure(Error::Kind::invalid, "a stack of " + std::to_string(usable.count()) +
                                             " bytes; accepted: 16 KiB to 1 GiB");
  }
  install_reporter();
  const Bytes guard = page_size();
  const Bytes rounded = whole_pages(usable);
  Result<Mapping> pages = Mapping::anonymous(guard + rounded);
  if (!pages) return tl::unexpected(pages.error());
  const std::span<std::byte> all = pages->pages();
  if (::mprotect(all.data(), guard.count(), PROT_NONE) != 0) {
    return system_failure("mprotect of a guard page", errno);
  }
  Stack stack(std::move(*pages), all.subspan(guard.count()));
  stack.rename(name);
  return stack;
}

Stack::Stack(Mapping pages, std::span<std::byte> usable) noexcept
    : pages_(std::move(pages)),
      usable_(usable),
      guard_index_(register_guard(pages_.pages().data(), Bytes(usable.size()))) {}

Stack::Stack(Stack&& other) noexcept
    : pages_(std::move(other.pages_)),
      usable_(std::exchange(other.usable_, {})),
      guard_index_(std::exchange(other.guard_index_, kMaxGuarded)) {}

Stack& Stack::operator=(Stack&& other) noexcept {
  std::swap(pages_, other.pages_);
  std::swap(usable_, other.usable_);
  std::swap(guard_index_, other.guard_index_);
  return *this;
}

Stack::~Stack() {
  // Release: see register_guard().
  if (guard_index_ < guards.size()) {
    guards[guard_index_].lowest.store(0, std::memory_order_release);
  }
}

void Stack::rename(std::string_view name) noexcept {
  if (guard_index_ >= guards.size()) return;
  // Relaxed: read by a fault of the thread that runs on this stack, after this thread gave it that.
  guards[guard_index_].name.store(name.data(), std::memory_order_relaxed);
  guards[guard_index_].name_length.store(name.size(), std::memory_order_relaxed);
}

Result<AlternateStack> AlternateStack::create() {
  // The frame alone takes 11 KiB where registers are widest (AVX-512, AMX).
  const long least = std::max(::sysconf(_SC_SIGSTKSZ), 0L);
  const Bytes size(std::max<std::uint64_t>(static_cast<std::uint64_t>(least), 64 * 1024));
  Result<Mapping> pages = Mapping::anonymous(size);
  if (!pages) return tl::unexpected(pages.error());
  return AlternateStack(std::move(*pages));
}

void AlternateStack::install() noexcept {
  stack_t current = {};
  if (::sigaltstack(nullptr, &current) != 0 || (current.ss_flags & SS_DISABLE) == 0) return;
  stack_t own = {};
  own.ss_sp = pages_.pages().data();
  own.ss_size = pages_.pages().size();
  is_installed_ = ::sigaltstack(&own, nullptr) == 0;
}

void AlternateStack::uninstall() noexcept {
  if (!std::exchange(is_installed_, false)) return;
  stack_t current = {};
  if (::sigaltstack(nullptr, &current) != 0 || current.ss_sp != pages_.pages().data()) return;
  stack_t none = {};
  none.ss_flags = SS_DISABLE;
  ::sigaltstack(&none, nullptr);
}

void report_overruns_on_this_thread() noexcept {
  struct ThreadsOwn {
    std::optional<AlternateStack> stack;
    ~ThreadsOwn() {
      if (stack) stack->uninstall();
    }
  };
  static thread_local ThreadsOwn own;
  if (own.stack) return;
  Result<AlternateStack> stack = AlternateStack::create();
  if (!stack) return;
  own.stack.emplace(std::move(*stack));
  own.stack->install();
}

}  // namespace smtni::threads
