#include "threads/pinned_thread.h"

#include <cerrno>
#include <memory>
#include <system_error>

#include "threads/stack.h"

namespace smtni::threads {
namespace {

struct Birth {
  std::function<void()> body;
  std::string name;
};

void* live(void* birth_pointer) {
  const std::unique_ptr<Birth> birth(static_cast<Birth*>(birth_pointer));
  ::pthread_setname_np(::pthread_self(), birth->name.c_str());
  report_overruns_on_this_thread();
  birth->body();
  return nullptr;
}

bool is_in_cpu_set(int cpu) noexcept { return cpu >= 0 && cpu < CPU_SETSIZE; }

cpu_set_t set_of(int cpu) noexcept {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<unsigned>(cpu), &set);
  return set;
}

std::string pinning(std::string_view what, int cpu) {
  return "pin " + std::string(what) + " to processor " + std::to_string(cpu);
}

// pthread_create with the affinity as an attribute: the thread's first instruction runs in place.
int create(pthread_t* handle, std::optional<int> cpu, Birth* birth) noexcept {
  pthread_attr_t attributes;
  ::pthread_attr_init(&attributes);
  int error = 0;
  if (cpu && !is_in_cpu_set(*cpu)) {
    error = EINVAL;
  } else {
    if (cpu) {
      const cpu_set_t set = set_of(*cpu);
      ::pthread_attr_setaffinity_np(&attributes, sizeof set, &set);
    }
    error = ::pthread_create(handle, &attributes, live, birth);
  }
  ::pthread_attr_destroy(&attributes);
  return error;
}

}  // namespace

Result<PinnedThread> PinnedThread::start(const Options& options, std::function<void()> body) {
  constexpr std::size_t kNameBytes = 15;
  auto birth =
      std::make_unique<Birth>(std::move(body), std::string(options.name.substr(0, kNameBytes)));
  pthread_t handle{};
  std::string note;
  int error = create(&handle, options.cpu, birth.get());
  if (error != 0 && options.cpu) {
    note = pinning(options.name, *options.cpu) + ": " + std::generic_category().message(error);
    error = create(&handle, std::nullopt, birth.get());
  }
  if (error != 0) return system_failure("start thread " + std::string(options.name), error);
  static_cast<void>(birth.release());  // live() owns it
  return PinnedThread(handle, std::move(note));
}

PinnedThread::PinnedThread(PinnedThread&& other) noexcept
    : handle_(std::exchange(other.handle_, std::nullopt)), note_(std::move(other.note_)) {}

PinnedThread& PinnedThread::operator=(PinnedThread&& other) noexcept {
  std::swap(handle_, other.handle_);
  std::swap(note_, other.note_);
  return *this;
}

PinnedThread::~PinnedThread() { join(); }

void PinnedThread::join() noexcept {
  if (handle_) ::pthread_join(*handle_, nullptr);
  handle_.reset();
}

PinRestore::~PinRestore() {
  // Where the old set is no longer allowed, the thread stays as it is.
  if (before_) ::sched_setaffinity(0, sizeof *before_, &*before_);
}

Result<PinRestore> pin_this_thread(int cpu) {
  if (!is_in_cpu_set(cpu)) {
    return failure(Error::Kind::invalid, pinning("this thread", cpu) + ": accepted: 0 to " +
                                             std::to_string(CPU_SETSIZE - 1));
  }
  cpu_set_t before;
  if (::sched_getaffinity(0, sizeof before, &before) != 0) {
    return system_failure("sched_getaffinity", errno);
  }
  const cpu_set_t set = set_of(cpu);
  if (::sched_setaffinity(0, sizeof set, &set) != 0) {
    return system_failure(pinning("this thread", cpu), errno);
  }
  return PinRestore(before);
}

}  // namespace smtni::threads
