#pragma once

#include <pthread.h>

#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/result.h"
#include "notify/internal/spawn_gate.h"
#include "notify/mechanism.h"
#include "threads/stack.h"

namespace smtni::notify {

/// Paper 3's last resort: no context is left, so the operating system makes a thread. The entry
/// runs on a stack of ours, so that an overrun is reported like any other.
class OsThread {
 public:
  static constexpr MechanismInfo kInfo{
      "spawn/os-thread", Role::spawns, "paper 3",
      "the operating system makes a thread for each notification (pthread_create)"};

  /// Threads that may exist at a time; further notifications are declined.
  static constexpr std::size_t kMaxThreads = 64;

  static Result<std::unique_ptr<OsThread>> open(const Options& options);

  OsThread(const OsThread&) = delete;
  OsThread& operator=(const OsThread&) = delete;
  ~OsThread();

  /// False when kMaxThreads exist or the system refuses one. COST: pthread_create, about 10 us.
  [[nodiscard]] bool notify(const void* record) noexcept;

  Result<void> arm(const Entry& entry);

  /// REQUIRES: entries end within a minute.
  void disarm() noexcept;

  /// A line for the user, or empty: threads run where they were asked to.
  [[nodiscard]] const std::string& note() const noexcept { return note_; }

 private:
  // What one thread needs, made beforehand.
  struct Seat {
    OsThread& owner;
    threads::Stack stack;
    threads::AlternateStack alternate;
    Entry entry{};
    const void* record = nullptr;
  };

  OsThread();

  static void* live(void* seat);
  static void run_entry(void* seat) noexcept;

  bool create(Seat& seat) noexcept;
  Seat* take_seat() noexcept;
  void give_back(Seat* seat) noexcept;

  internal::SpawnGate gate_;
  pthread_attr_t attributes_{};
  std::string note_;
  std::vector<std::unique_ptr<Seat>> seats_;

  // [seat] mutex: what a thread did before it gave its seat back is seen by who takes the seat and
  // by disarm().
  std::mutex mutex_;
  std::condition_variable all_back_;
  std::vector<Seat*> free_;  // guarded by mutex_; never grows past kMaxThreads
};

static_assert(SpawnMechanism<OsThread>);

}  // namespace smtni::notify
