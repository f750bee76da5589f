#include "notify/signal_running.h"

#include <pthread.h>
#include <unistd.h>

#include <cerrno>

#include "core/expect.h"

namespace smtni::notify {
namespace {

// The kernel takes a stack pointer above `ss_sp` to be on the alternate stack, and then does not
// start from its top. What faults by running into the guard page can still have its pointer above
// the lowest byte by a leaf function's red zone; the report of the overrun must start from the top.
constexpr std::size_t kLowestUnused = 256;

// Read by the signal handler of the same thread. initial-exec: a lazily allocated thread-local is
// not async-signal-safe.
[[gnu::tls_model("initial-exec")]] constinit thread_local std::atomic<BranchState*> armed_here{
    nullptr};

sigset_t only(int signal) noexcept {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, signal);
  return set;
}

// The signal frame, which holds every register, comes on top of what the handler may use.
Bytes with_frame(Bytes usable) noexcept {
  const long frame = sysconf(_SC_MINSIGSTKSZ);
  return usable + Bytes(kLowestUnused + (frame > 0 ? static_cast<std::uint64_t>(frame) : 16'384));
}

}  // namespace

Result<std::unique_ptr<SignalRunning>> SignalRunning::open(const Options& options) {
  Result<threads::Stack> stack =
      threads::Stack::create(with_frame(options.stack), "signal/running, not armed yet");
  if (!stack) return tl::unexpected(stack.error());
  return internal::SignalClaim::install(internal::branch_signal(), on_signal,
                                        SA_ONSTACK | SA_RESTART)
      .map([&](internal::SignalClaim&& claim) {
        return std::unique_ptr<SignalRunning>(
            new SignalRunning(std::move(claim), std::move(*stack)));
      });
}

SignalRunning::~SignalRunning() {
  SMTNI_EXPECT(thread_.load(std::memory_order_relaxed) == 0);  // nobody else is here any more
}

void SignalRunning::on_signal(int, siginfo_t*, void*) {
  const int interrupted_errno = errno;
  // relaxed: written by this thread.
  if (BranchState* state = armed_here.load(std::memory_order_relaxed)) state->poll();
  errno = interrupted_errno;
}

bool SignalRunning::notify(const void* /*record*/) noexcept {
  if (!state_.post_first()) return true;  // [armed]
  // seq_cst: not read before the exchange in post_first().
  const pid_t thread = thread_.load(std::memory_order_seq_cst);
  if (thread != 0) internal::signal_thread(thread, internal::branch_signal());
  return true;
}

Result<void> SignalRunning::arm(const Handler& handler) {
  if (armed_here.load(std::memory_order_relaxed) != nullptr) {
    return failure(Error::Kind::invalid, "this thread is armed for signal/running already");
  }
  stack_.rename(handler.name);
  stack_t stack{};
  stack.ss_sp = stack_.usable().data() + kLowestUnused;
  stack.ss_size = stack_.usable().size() - kLowestUnused;
  if (sigaltstack(&stack, &previous_stack_) != 0) return system_failure("sigaltstack", errno);
  const sigset_t branch = only(internal::branch_signal());
  sigset_t before;
  pthread_sigmask(SIG_UNBLOCK, &branch, &before);
  was_blocked_ = sigismember(&before, internal::branch_signal()) == 1;
  armed_here.store(&state_, std::memory_order_relaxed);
  // [armed] seq_cst: not written after the exchange in arm().
  thread_.store(gettid(), std::memory_order_seq_cst);
  state_.arm(handler);
  return {};
}

void SignalRunning::disarm() noexcept {
  if (armed_here.load(std::memory_order_relaxed) != &state_) return;
  state_.disarm();
  // relaxed: a signal that is sent all the same finds nobody armed.
  thread_.store(0, std::memory_order_relaxed);
  armed_here.store(nullptr, std::memory_order_relaxed);
  if (was_blocked_) {
    const sigset_t branch = only(internal::branch_signal());
    pthread_sigmask(SIG_BLOCK, &branch, nullptr);
  }
  sigaltstack(&previous_stack_, nullptr);
}

}  // namespace smtni::notify
