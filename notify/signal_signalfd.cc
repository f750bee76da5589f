#include "notify/signal_signalfd.h"

#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>

#include "notify/internal/readable.h"

namespace smtni::notify {

Result<std::unique_ptr<Signalfd>> Signalfd::open(const Options&) {
  // A signal sent to a thread that has not blocked it, which nobody should do, must not kill.
  Result<internal::SignalClaim> claim = internal::SignalledThread::claim();
  if (!claim) return tl::unexpected(claim.error());
  sigset_t wake;
  sigemptyset(&wake);
  sigaddset(&wake, internal::wake_signal());
  Fd signals(signalfd(-1, &wake, SFD_NONBLOCK | SFD_CLOEXEC));
  if (!signals.is_open()) return system_failure("signalfd", errno);
  return std::unique_ptr<Signalfd>(new Signalfd(std::move(*claim), std::move(signals)));
}

void Signalfd::sleep(Deadline until) noexcept {
  if (internal::sleep_until_readable(signals_.get(), until)) {
    signalfd_siginfo info;
    [[maybe_unused]] const ssize_t taken = read(signals_.get(), &info, sizeof(info));
  }
  receiver_.take();
}

}  // namespace smtni::notify
