#include "threads/ready_queue.h"

#include <algorithm>

namespace smtni::threads {

bool ReadyQueue::goes_later(const Waiting& a, const Waiting& b) noexcept {
  if (a.start.priority != b.start.priority) return a.start.priority < b.start.priority;
  return a.arrival > b.arrival;
}

bool ReadyQueue::push(const Start& start) noexcept {
  const std::lock_guard lock(mutex_);  // [ready]
  if (heap_.size() == capacity_) return false;
  heap_.push_back({start, arrivals_++});
  std::push_heap(heap_.begin(), heap_.end(), goes_later);
  size_.store(heap_.size(), std::memory_order_relaxed);
  return true;
}

std::optional<Start> ReadyQueue::pop() noexcept {
  const std::lock_guard lock(mutex_);  // [ready]
  if (heap_.empty()) return std::nullopt;
  std::pop_heap(heap_.begin(), heap_.end(), goes_later);
  const Start start = heap_.back().start;
  heap_.pop_back();
  size_.store(heap_.size(), std::memory_order_relaxed);
  return start;
}

}  // namespace smtni::threads
