#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>

#include "ni/address.h"

namespace smtni::ni {

/// Which endpoints of one interface are open, and how much they take: what a sender looks up before
/// it posts. A hint, for an endpoint may close meanwhile; the target itself decides.
///
/// Edge:
///   [open]  open() stores an address with release  ->  max_payload_of() loads it with acquire
///
/// THREADS: open() and close() of one endpoint one after the other; max_payload_of() any.
class Directory {
 public:
  void open(Address address, std::size_t max_payload) noexcept {
    Entry& entry = entries_[address.index()];
    entry.max_payload.store(max_payload, std::memory_order_relaxed);  // relaxed: [open] orders it
    entry.address.store(address.word(), std::memory_order_release);   // [open]
  }

  void close(Address address) noexcept {
    // relaxed: the target decides under its inlet lock.
    entries_[address.index()].address.store(0, std::memory_order_relaxed);
  }

  /// The largest payload that `target` takes, or nothing when it is closed.
  /// REQUIRES: it is of this interface's node.
  [[nodiscard]] std::optional<std::size_t> max_payload_of(Address target) const noexcept {
    const Entry& entry = entries_[target.index()];
    if (target.generation() == 0 ||
        entry.address.load(std::memory_order_acquire) != target.word()) {  // [open]
      return std::nullopt;
    }
    // relaxed: [open] orders it.
    return static_cast<std::size_t>(entry.max_payload.load(std::memory_order_relaxed));
  }

 private:
  struct Entry {
    std::atomic<std::uint32_t> address{0};  // 0: closed
    std::atomic<std::uint64_t> max_payload{0};
  };

  std::array<Entry, 1U << Address::kIndexBits> entries_;
};

}  // namespace smtni::ni
