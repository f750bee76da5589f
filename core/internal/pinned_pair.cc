#include "core/internal/pinned_pair.h"

#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>

namespace smtni::internal {
namespace {

Result<void> pin_this_thread(int cpu) {
  if (cpu < 0 || cpu >= CPU_SETSIZE) {
    return failure(Error::Kind::invalid, "CPU " + std::to_string(cpu) + "; accepted: 0 to " +
                                             std::to_string(CPU_SETSIZE - 1));
  }
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(cpu), &set);
  if (::sched_setaffinity(0, sizeof set, &set) != 0) {
    return system_failure("sched_setaffinity to CPU " + std::to_string(cpu), errno);
  }
  return {};
}

}  // namespace

/// All fields but the threads are guarded by `mutex`.
struct PinnedPair::State {
  std::mutex mutex;
  std::condition_variable wake;
  std::condition_variable done;
  std::array<const std::function<void()>*, 2> jobs{};  ///< null: nothing to do
  bool ending = false;
  std::array<std::thread, 2> threads;

  // Sleeps without bound: ~PinnedPair or run() wakes it.
  void serve(std::size_t side) {
    std::unique_lock lock(mutex);
    for (;;) {
      wake.wait(lock, [&] { return ending || jobs[side] != nullptr; });
      if (jobs[side] == nullptr) return;
      lock.unlock();
      (*jobs[side])();
      lock.lock();
      jobs[side] = nullptr;
      done.notify_one();
    }
  }
};

Result<PinnedPair> PinnedPair::open(int cpu_a, int cpu_b) {
  PinnedPair pair(std::make_unique<State>());
  State& state = *pair.state_;
  try {
    for (std::size_t side = 0; side < 2; ++side) {
      state.threads[side] = std::thread([&state, side] { state.serve(side); });
    }
  } catch (const std::system_error& error) {
    return system_failure("start of a thread", error.code().value());
  }
  Result<void> pinned_a;
  Result<void> pinned_b;
  pair.run([&] { pinned_a = pin_this_thread(cpu_a); }, [&] { pinned_b = pin_this_thread(cpu_b); });
  if (!pinned_a) return tl::unexpected(pinned_a.error());
  if (!pinned_b) return tl::unexpected(pinned_b.error());
  return pair;
}

PinnedPair::PinnedPair(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {}

PinnedPair::PinnedPair(PinnedPair&&) noexcept = default;

PinnedPair::~PinnedPair() {
  if (state_ == nullptr) return;
  {
    const std::lock_guard lock(state_->mutex);
    state_->ending = true;
  }
  state_->wake.notify_all();
  for (std::thread& thread : state_->threads) {
    if (thread.joinable()) thread.join();
  }
}

void PinnedPair::run(const std::function<void()>& on_a, const std::function<void()>& on_b) {
  std::unique_lock lock(state_->mutex);
  state_->jobs = {&on_a, &on_b};
  state_->wake.notify_all();
  state_->done.wait(lock, [&] { return state_->jobs[0] == nullptr && state_->jobs[1] == nullptr; });
}

}  // namespace smtni::internal
