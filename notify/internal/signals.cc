#include "notify/internal/signals.h"

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <mutex>

namespace smtni::notify::internal {
namespace {

constexpr int kAttempts = 1000;

struct Installation {
  int claims = 0;
  bool is_installed = false;  // ours is the handler, or below it
  SignalClaim::Run ours = nullptr;
  struct sigaction previous = {};
};

// Under the mutex, except that a handler reads `previous`, which is written before it can run.
constinit std::array<Installation, _NSIG> installations{};
constinit std::mutex mutex;

Installation& installation_of(int signal) noexcept {
  return installations[static_cast<std::size_t>(signal)];
}

bool is_on_top(int signal) noexcept {
  struct sigaction current = {};
  sigaction(signal, nullptr, &current);
  return (current.sa_flags & SA_SIGINFO) != 0 &&
         current.sa_sigaction == installation_of(signal).ours;
}

void do_nothing(int, siginfo_t*, void*) {}

}  // namespace

void signal_thread(pid_t thread, int signal) noexcept {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    if (tgkill(getpid(), thread, signal) == 0 || errno != EAGAIN) return;
    sched_yield();
  }
}

Result<SignalClaim> SignalClaim::install(int signal, Run run, int flags) {
  const std::lock_guard lock(mutex);
  Installation& installation = installation_of(signal);
  if (!installation.is_installed) {
    struct sigaction ours = {};
    ours.sa_sigaction = run;
    ours.sa_flags = SA_SIGINFO | flags;
    sigemptyset(&ours.sa_mask);
    sigaction(signal, nullptr, &installation.previous);
    if (sigaction(signal, &ours, nullptr) != 0) return system_failure("sigaction", errno);
    installation.is_installed = true;
    installation.ours = run;
  }
  ++installation.claims;
  return SignalClaim(signal);
}

SignalClaim::~SignalClaim() {
  if (signal_ == 0) return;
  const std::lock_guard lock(mutex);
  Installation& installation = installation_of(signal_);
  if (--installation.claims != 0 || !is_on_top(signal_)) return;
  sigaction(signal_, &installation.previous, nullptr);
  installation.is_installed = false;
}

void pass_on(int signal, siginfo_t* info, void* machine_state) noexcept {
  const struct sigaction& previous = installation_of(signal).previous;
  if ((previous.sa_flags & SA_SIGINFO) != 0) {
    previous.sa_sigaction(signal, info, machine_state);
  } else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) {
    previous.sa_handler(signal);
  } else {
    // The instruction faults again and the process ends as it should.
    struct sigaction default_action = {};
    default_action.sa_handler = SIG_DFL;
    sigaction(signal, &default_action, nullptr);
  }
}

Result<SignalClaim> SignalledThread::claim() {
  return SignalClaim::install(wake_signal(), do_nothing, 0);
}

void SignalledThread::kick() noexcept {
  if (is_under_way_.exchange(true, std::memory_order_seq_cst)) return;  // [kick]
  // seq_cst: not read before the exchange.
  const pid_t thread = thread_.load(std::memory_order_seq_cst);
  if (thread != 0) signal_thread(thread, wake_signal());
}

void SignalledThread::enlist() noexcept {
  if (std::exchange(is_enlisted_, true)) return;
  sigset_t wake;
  sigemptyset(&wake);
  sigaddset(&wake, wake_signal());
  pthread_sigmask(SIG_BLOCK, &wake, &mask_asleep_);
  sigdelset(&mask_asleep_, wake_signal());
  // seq_cst: not written after the exchange.
  thread_.store(gettid(), std::memory_order_seq_cst);
  take();
}

}  // namespace smtni::notify::internal
