#include "notify/kernel_poll_page.h"

#include <sys/mman.h>

#include <cerrno>
#include <memory>
#include <string>

namespace smtni::notify {
namespace {

// Set at the first open(), before any fault of ours; the handler must not ask for it.
std::atomic<std::uintptr_t> page_bytes{0};

}  // namespace

constinit PollPage::Trap PollPage::traps_[kMaxPages];

Result<std::unique_ptr<PollPage>> PollPage::open(const Options& options) {
  // The stack first: it installs the reporter of overruns, which must be below our handler.
  Result<threads::Stack> stack = threads::Stack::create(options.stack, kInfo.name);
  if (!stack) return tl::unexpected(stack.error());
  Result<Mapping> page = Mapping::anonymous(page_size());
  if (!page) return tl::unexpected(page.error());
  page_bytes.store(page_size().count(), std::memory_order_relaxed);  // always the same value
  // A stack overrun elsewhere can be passed on only from an alternate stack.
  Result<internal::SignalClaim> claim =
      internal::SignalClaim::install(SIGSEGV, on_fault, SA_ONSTACK);
  if (!claim) return tl::unexpected(claim.error());
  std::construct_at(reinterpret_cast<std::atomic<std::uint32_t>*>(page->pages().data()), 0U);
  Trap* trap = claim_trap(reinterpret_cast<std::uintptr_t>(page->pages().data()));
  if (trap == nullptr) {
    return failure(Error::Kind::would_block,
                   "all " + std::to_string(kMaxPages) + " poll pages of this process are in use");
  }
  return std::unique_ptr<PollPage>(
      new PollPage(std::move(*claim), std::move(*page), std::move(*stack), *trap));
}

PollPage::PollPage(internal::SignalClaim claim, Mapping page, threads::Stack stack,
                   Trap& trap) noexcept
    : claim_(std::move(claim)),
      page_(std::move(page)),
      word_(reinterpret_cast<const std::atomic<std::uint32_t>*>(page_.pages().data())),
      trap_(trap),
      state_(std::move(stack)) {}

PollPage::~PollPage() {
  trap_.has_sprung.store(false, std::memory_order_relaxed);
  // release: the next owner of the trap, who acquires it, finds it reset.
  trap_.page.store(0, std::memory_order_release);
}

PollPage::Trap* PollPage::claim_trap(std::uintptr_t page) noexcept {
  for (Trap& trap : traps_) {
    std::uintptr_t free = 0;
    // acquire: see ~PollPage(). The handler needs no release: it reads nothing else of the
    // opener's.
    if (trap.page.compare_exchange_strong(free, page, std::memory_order_acquire,
                                          std::memory_order_relaxed)) {
      return &trap;
    }
  }
  return nullptr;
}

PollPage::Trap* PollPage::trap_at(std::uintptr_t address) noexcept {
  const std::uintptr_t bytes = page_bytes.load(std::memory_order_relaxed);
  for (Trap& trap : traps_) {
    // relaxed: the faulting thread was given this page by whoever opened it.
    const std::uintptr_t page = trap.page.load(std::memory_order_relaxed);
    if (page != 0 && address >= page && address - page < bytes) return &trap;
  }
  return nullptr;
}

void PollPage::on_fault(int signal, siginfo_t* info, void* machine_state) {
  const int interrupted_errno = errno;
  Trap* trap = trap_at(reinterpret_cast<std::uintptr_t>(info->si_addr));
  // The read is repeated when this returns, so without the rights it would fault for ever.
  if (trap == nullptr ||
      mprotect(reinterpret_cast<void*>(trap->page.load(std::memory_order_relaxed)),
               page_bytes.load(std::memory_order_relaxed), PROT_READ) != 0) {
    internal::pass_on(signal, info, machine_state);
  } else {
    trap->has_sprung.store(true, std::memory_order_relaxed);  // [page]; the safepoint's own thread
  }
  errno = interrupted_errno;
}

bool PollPage::notify(const void* /*record*/) noexcept {
  if (state_.post_first()) {  // [page]
    mprotect(page_.pages().data(), page_.pages().size(), PROT_NONE);
  }
  return true;
}

void PollPage::branch() noexcept {
  trap_.has_sprung.store(false, std::memory_order_relaxed);
  state_.branch();  // [page]
}

}  // namespace smtni::notify
