#include "notify/kernel_unix_socket.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "notify/internal/readable.h"

namespace smtni::notify {

Result<std::unique_ptr<UnixSocket>> UnixSocket::open(const Options&) {
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return system_failure("socketpair(AF_UNIX, SOCK_DGRAM)", errno);
  }
  return std::unique_ptr<UnixSocket>(new UnixSocket(Fd(ends[0]), Fd(ends[1])));
}

bool UnixSocket::notify(const void* /*record*/) noexcept {
  const char byte = 1;
  // Fails only when the queue is full. It was so after the news was made visible, hence the
  // receiver looks once more after it has taken a datagram.
  (void)send(sending_.get(), &byte, 1, MSG_NOSIGNAL);
  return true;
}

void UnixSocket::sleep(Deadline until) noexcept {
  if (!internal::sleep_until_readable(receiving_.get(), until)) return;
  char byte = 0;
  (void)recv(receiving_.get(), &byte, 1, 0);
}

}  // namespace smtni::notify
