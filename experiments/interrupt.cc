#include "experiments/interrupt.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>

#include "experiments/exit_status.h"

namespace smtni::experiments {
namespace {

sigset_t watched_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

// Sleeps until a signal comes or `end` is readable; it has no deadline because its end is certain.
void watch(std::stop_source stop, int signals, int end) {
  std::array<pollfd, 2> files{pollfd{signals, POLLIN, 0}, pollfd{end, POLLIN, 0}};
  while (true) {
    if (::poll(files.data(), files.size(), -1) < 0) {
      if (errno == EINTR) continue;
      return;
    }
    if ((files[1].revents & POLLIN) != 0) return;
    signalfd_siginfo info;
    if (::read(signals, &info, sizeof info) != sizeof info) continue;
    if (!stop.request_stop()) ::_exit(kInterrupted);
  }
}

}  // namespace

Result<InterruptWatch> InterruptWatch::start() {
  const sigset_t set = watched_signals();
  if (const int error = ::pthread_sigmask(SIG_BLOCK, &set, nullptr); error != 0) {
    return system_failure("pthread_sigmask", error);
  }
  Fd signals(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals.is_open()) return system_failure("signalfd", errno);
  Fd end(::eventfd(0, EFD_CLOEXEC));
  if (!end.is_open()) return system_failure("eventfd", errno);
  return InterruptWatch(std::move(signals), std::move(end));
}

InterruptWatch::InterruptWatch(Fd signals, Fd end)
    : signals_(std::move(signals)),
      end_(std::move(end)),
      watcher_(watch, stop_, signals_.get(), end_.get()) {}

InterruptWatch::~InterruptWatch() {
  if (!watcher_.joinable()) return;  // moved from
  const std::uint64_t one = 1;
  (void)!::write(end_.get(), &one, sizeof one);
  watcher_.join();
  const sigset_t set = watched_signals();
  (void)::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

}  // namespace smtni::experiments
