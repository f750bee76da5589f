#include "core/internal/tracepoint.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <string>

#include "core/deadline.h"
#include "core/internal/files.h"
#include "core/posix.h"

namespace smtni::internal {
namespace {

constexpr const char* kTracefs = "/sys/kernel/tracing";
constexpr std::chrono::seconds kPatience{5};

/// What the child reports through the pipe.
struct Answer {
  const char* failed_call = nullptr;  ///< a literal, so the same address in both processes; or null
  int error_number = 0;
  std::array<char, 24> text{};
};

// Runs in the child of a process that may have many threads: system calls only, no allocation.
Answer read_in_own_namespace(const char* path) noexcept {
  if (::unshare(CLONE_NEWNS) != 0) return {"unshare(CLONE_NEWNS)", errno, {}};
  // Private first, or the mount below would show in the parent's namespace.
  if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    return {"mount of / as private", errno, {}};
  }
  if (::mount("tracefs", kTracefs, "tracefs", MS_RDONLY, nullptr) != 0) {
    return {"mount of tracefs", errno, {}};
  }
  const int file = ::open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return {"open of the tracepoint's id", errno, {}};
  Answer answer;
  if (::read(file, answer.text.data(), answer.text.size() - 1) < 0) {
    return {"read of the tracepoint's id", errno, {}};
  }
  return answer;
}

bool becomes_readable(const Fd& file, Deadline until) noexcept {
  pollfd readable{.fd = file.get(), .events = POLLIN, .revents = 0};
  for (;;) {
    const timespec left = time_left(until);
    const int ready = ::ppoll(&readable, 1, &left, nullptr);
    if (ready >= 0 || errno != EINTR) return ready == 1;
  }
}

Result<std::string> read_by_child(const std::string& path) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return system_failure("pipe2", errno);
  const Fd from_child(ends[0]);
  Fd to_parent(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) return system_failure("fork", errno);
  if (child == 0) {
    const Answer answer = read_in_own_namespace(path.c_str());
    ::_exit(::write(to_parent.get(), &answer, sizeof answer) == sizeof answer ? 0 : 1);
  }
  to_parent = Fd();
  const bool is_in_time = becomes_readable(from_child, in(kPatience));
  if (!is_in_time) ::kill(child, SIGKILL);
  Answer answer;
  const bool is_whole = is_in_time && ::read(from_child.get(), &answer, sizeof answer) ==
                                          static_cast<ssize_t>(sizeof answer);
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  if (!is_whole) {
    return failure(Error::Kind::unsupported, "the child that reads tracefs gave no answer");
  }
  if (answer.failed_call != nullptr) return system_failure(answer.failed_call, answer.error_number);
  answer.text.back() = '\0';
  std::string text(answer.text.data());
  text.erase(text.find_last_not_of(" \n") + 1);
  return text;
}

}  // namespace

Result<std::uint64_t> tracepoint_id(std::string_view name) {
  const std::string file = "/events/" + std::string(name) + "/id";
  auto text = read_text(kTracefs + file);
  if (!text) text = read_text("/sys/kernel/debug/tracing" + file);
  if (!text && ::geteuid() == 0) text = read_by_child(kTracefs + file);
  const auto id = text ? parse_count(*text) : std::nullopt;
  if (id && *id >= 0) return static_cast<std::uint64_t>(*id);
  return failure(Error::Kind::unsupported,
                 "no tracepoint " + std::string(name) + ": " +
                     (text ? "its id is '" + *text + "'" : text.error().what));
}

}  // namespace smtni::internal
