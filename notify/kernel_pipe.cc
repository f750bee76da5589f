#include "notify/kernel_pipe.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "notify/internal/readable.h"

namespace smtni::notify {

Result<std::unique_ptr<Pipe>> Pipe::open(const Options&) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_NONBLOCK | O_CLOEXEC) != 0) return system_failure("pipe2", errno);
  return std::unique_ptr<Pipe>(new Pipe(Fd(ends[0]), Fd(ends[1])));
}

bool Pipe::notify(const void* /*record*/) noexcept {
  const char byte = 1;
  // Fails only when the pipe is full. It was so after the news was made visible, hence the receiver
  // looks once more after it has read.
  [[maybe_unused]] const ssize_t written = write(writing_.get(), &byte, 1);
  return true;
}

void Pipe::sleep(Deadline until) noexcept {
  if (!internal::sleep_until_readable(reading_.get(), until)) return;
  std::array<char, 4096> bytes;  // what is left beyond ends the next sleep at once
  [[maybe_unused]] const ssize_t taken = read(reading_.get(), bytes.data(), bytes.size());
}

}  // namespace smtni::notify
