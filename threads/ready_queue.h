#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

#include "core/cpu.h"
#include "threads/start.h"

namespace smtni::threads {

/// Starts that wait for a hardware context: the highest priority first, of these the
/// longest-waiting.
///
/// Edge [ready]: the mutex; whatever a submitter wrote before push() is seen by who pops.
/// THREADS: any.
class ReadyQueue {
 public:
  explicit ReadyQueue(std::size_t capacity) : capacity_(capacity) { heap_.reserve(capacity); }

  /// False when full.
  [[nodiscard]] bool push(const Start& start) noexcept;

  [[nodiscard]] std::optional<Start> pop() noexcept;

  /// A hint for who may pop; costs a load of a line that changes only with the queue.
  [[nodiscard]] bool may_have_any() const noexcept {
    // Relaxed: only pop() decides.
    return size_.load(std::memory_order_relaxed) != 0;
  }

 private:
  struct Waiting {
    Start start;
    std::uint64_t arrival;
  };
  static bool goes_later(const Waiting& a, const Waiting& b) noexcept;

  // Written with the queue, polled by every idle hardware context.
  alignas(kCacheLine) std::atomic<std::size_t> size_{0};
  alignas(kCacheLine) std::mutex mutex_;
  std::size_t capacity_;
  std::uint64_t arrivals_ = 0;
  std::vector<Waiting> heap_;  // never grows past what the constructor reserved
};

}  // namespace smtni::threads
