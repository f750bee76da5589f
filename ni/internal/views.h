#pragma once

#include <array>
#include <cstdint>

#include "core/expect.h"
#include "core/ring_consumer.h"
#include "ni/endpoint.h"

namespace smtni::ni {

/// Messages that a receiver has taken and not yet given back. They may be given back in any order;
/// the cache gets its room back in the order of arrival. THREADS: the cache's consumer.
class Views {
 public:
  static constexpr std::uint32_t kMax = Endpoint::kMaxReceived;

  [[nodiscard]] bool is_empty() const noexcept { return first_ == next_; }
  [[nodiscard]] bool is_full() const noexcept { return next_ - first_ == kMax; }

  /// REQUIRES: not full; `message` was taken last.
  void add(const Message& message) noexcept {
    SMTNI_EXPECT_HOT(!is_full());
    views_[next_++ % kMax] = {message, false};
  }

  /// REQUIRES: `message` is out.
  void give_back(RingConsumer& cache, const Message& message) noexcept {
    if (next_ - first_ == 1) [[likely]] {
      first_ = next_;
      cache.release_through(message);
      return;
    }
    for (std::uint32_t number = first_; number != next_; ++number) {
      View& view = views_[number % kMax];
      if (view.message.position == message.position) view.is_given_back = true;
    }
    for (; first_ != next_ && views_[first_ % kMax].is_given_back; ++first_) {
      cache.release_through(views_[first_ % kMax].message);
    }
  }

 private:
  struct View {
    Message message;
    bool is_given_back = false;
  };

  std::array<View, kMax> views_;
  std::uint32_t first_ = 0;  // the oldest that is out; counts may wrap
  std::uint32_t next_ = 0;
};

}  // namespace smtni::ni
