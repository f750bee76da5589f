#include "notify/spawn_os_thread.h"

#include <sched.h>

#include <utility>

#include "core/deadline.h"
#include "core/expect.h"
#include "core/units.h"
#include "threads/fault.h"
#include "threads/fiber.h"
#include "threads/pinned_thread.h"

namespace smtni::notify {
namespace {

// The threads' own stacks carry a few frames only; 64 of this size fit the C library's cache.
constexpr Bytes kThreadStack{256 * 1024};

}  // namespace

Result<std::unique_ptr<OsThread>> OsThread::open(const Options& options) {
  std::unique_ptr<OsThread> self(new OsThread);
  self->seats_.reserve(kMaxThreads);
  self->free_.reserve(kMaxThreads);
  for (std::size_t index = 0; index < kMaxThreads; ++index) {
    auto stack = threads::Stack::create(options.stack, "os-thread");
    if (!stack) return tl::unexpected(stack.error());
    auto alternate = threads::AlternateStack::create();
    if (!alternate) return tl::unexpected(alternate.error());
    self->seats_.push_back(
        std::make_unique<Seat>(Seat{*self, std::move(*stack), std::move(*alternate), {}, nullptr}));
    self->free_.push_back(self->seats_.back().get());
  }
  if (options.context_cpus.empty()) return self;
  const int cpu = options.context_cpus.front();
  // Tried here, so that a thread is not refused for its affinity later.
  if (const auto tried = threads::pin_this_thread(cpu); !tried) {
    self->note_ = tried.error().what;
    return self;
  }
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<unsigned>(cpu), &set);
  ::pthread_attr_setaffinity_np(&self->attributes_, sizeof set, &set);
  return self;
}

OsThread::OsThread() {
  ::pthread_attr_init(&attributes_);
  ::pthread_attr_setdetachstate(&attributes_, PTHREAD_CREATE_DETACHED);
  ::pthread_attr_setstacksize(&attributes_, kThreadStack.count());
}

OsThread::~OsThread() {
  disarm();
  ::pthread_attr_destroy(&attributes_);
}

bool OsThread::notify(const void* record) noexcept {
  return gate_.pass([&](const Entry& entry) {
    Seat* seat = take_seat();
    if (seat == nullptr) return false;
    seat->entry = entry;
    seat->record = record;
    seat->stack.rename(entry.name);
    if (create(*seat)) return true;
    give_back(seat);
    return false;
  });
}

bool OsThread::create(Seat& seat) noexcept {
  pthread_t handle{};
  return ::pthread_create(&handle, &attributes_, live, &seat) == 0;
}

Result<void> OsThread::arm(const Entry& entry) {
  gate_.open(entry);
  return {};
}

void OsThread::disarm() noexcept {
  gate_.close();
  std::unique_lock lock(mutex_);  // [seat]
  const bool all = all_back_.wait_until(lock, in(internal::kSpawnPatience),
                                        [this] { return free_.size() == seats_.size(); });
  SMTNI_EXPECT(all);
}

void* OsThread::live(void* seat_pointer) {
  Seat& seat = *static_cast<Seat*>(seat_pointer);
  seat.alternate.install();
  threads::run_on_stack(seat.stack, run_entry, &seat);
  seat.alternate.uninstall();
  seat.owner.give_back(&seat);
  return nullptr;
}

void OsThread::run_entry(void* seat_pointer) noexcept {
  Seat& seat = *static_cast<Seat*>(seat_pointer);
  threads::run_guarded(seat.entry.name,
                       [&seat] { seat.entry.run(seat.entry.argument, seat.record); });
}

OsThread::Seat* OsThread::take_seat() noexcept {
  const std::lock_guard lock(mutex_);  // [seat]
  if (free_.empty()) return nullptr;
  Seat* seat = free_.back();
  free_.pop_back();
  return seat;
}

// The last that a thread does here: once the lock is free this object may go.
void OsThread::give_back(Seat* seat) noexcept {
  const std::lock_guard lock(mutex_);  // [seat]
  free_.push_back(seat);
  if (free_.size() == seats_.size()) all_back_.notify_all();
}

}  // namespace smtni::notify
