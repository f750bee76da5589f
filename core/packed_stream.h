#pragma once

#include <algorithm>
#include <cstring>
#include <span>

#include "core/message_ring.h"

namespace smtni {

/// Sends small values of one type, many to a message: while the receiver has a backlog, values are
/// collected in place; when it waits, each value is published at once.
///
/// A collected value is published when its message is full, by flush(), or when the stream ends.
///
/// THREADS: the producer's.
template <Sendable T>
class PackedWriter {
 public:
  /// Payload of one message: far fewer header lines than payload lines, and still within the L1.
  static constexpr std::size_t kMessageBytes = 1024;
  static constexpr std::size_t kValues = kMessageBytes / sizeof(T);
  static_assert(kValues >= 2, "a value this large gains nothing from packing");

  /// REQUIRES: `producer` outlives this, is used by nobody else meanwhile, and holds a T.
  PackedWriter(RingProducer& producer, std::uint32_t type_id) noexcept
      : producer_(producer), info_{.type_id = type_id} {}
  ~PackedWriter() { flush(); }
  PackedWriter(const PackedWriter&) = delete;
  PackedWriter& operator=(const PackedWriter&) = delete;

  /// False, without effect, while there is no room.
  bool push(const T& value) noexcept {
    if (at_ == end_) [[unlikely]] {
      if (!open()) return producer_.push_value(value, info_);
    }
    std::memcpy(at_, &value, sizeof(T));
    at_ += sizeof(T);
    if (at_ == end_) flush();
    return true;
  }

  /// As many of `values` as there is room for; returns how many.
  std::size_t push(std::span<const T> values) noexcept {
    std::size_t done = 0;
    while (done < values.size()) {
      if (at_ == end_ && !open()) {
        // The receiver waits: whatever is at hand goes out in one message, at once.
        const std::size_t count =
            std::min({values.size() - done, kValues, producer_.max_payload() / sizeof(T)});
        if (!producer_.push(std::as_bytes(values.subspan(done, count)), info_)) break;
        done += count;
        continue;
      }
      const std::size_t count =
          std::min(values.size() - done, static_cast<std::size_t>(end_ - at_) / sizeof(T));
      std::memcpy(at_, values.data() + done, count * sizeof(T));
      at_ += count * sizeof(T);
      done += count;
      if (at_ == end_) flush();
    }
    return done;
  }

  /// Publishes what is collected.
  void flush() noexcept {
    if (begin_ == nullptr) return;
    const auto used = static_cast<std::size_t>(at_ - begin_);
    if (used == 0) {
      producer_.rollback();
    } else {
      producer_.commit(used, info_);
    }
    begin_ = at_ = end_ = nullptr;
  }

 private:
  // Opens a message to collect in. False when the receiver waits, or there is no room for one.
  bool open() noexcept {
    if (kMessageBytes > producer_.max_payload() || !producer_.has_backlog()) return false;
    const auto room = producer_.reserve(kMessageBytes);
    if (!room) return false;
    begin_ = at_ = room->data();
    end_ = begin_ + kValues * sizeof(T);
    return true;
  }

  RingProducer& producer_;
  MessageInfo info_;
  std::byte* begin_ = nullptr;  // of the open message; null: none is open
  std::byte* at_ = nullptr;
  std::byte* end_ = nullptr;
};

/// Receives what a PackedWriter of the same type sends, or single values. Values of a message that
/// is only read in part when the reader ends are dropped with it.
///
/// THREADS: the consumer's.
template <Sendable T>
class PackedReader {
 public:
  /// REQUIRES: `consumer` outlives this and is used by nobody else meanwhile.
  explicit PackedReader(RingConsumer& consumer) noexcept : consumer_(consumer) {}
  ~PackedReader() {
    if (is_open_) consumer_.release();
  }
  PackedReader(const PackedReader&) = delete;
  PackedReader& operator=(const PackedReader&) = delete;

  /// False when there is nothing.
  bool pop(T& value) noexcept { return pop(std::span<T>(&value, 1)) == 1; }

  /// As many values as there are and fit in `out`; returns how many.
  std::size_t pop(std::span<T> out) noexcept {
    std::size_t done = 0;
    while (done < out.size()) {
      if (rest_.empty() && !open()) break;
      const std::size_t count = std::min(out.size() - done, rest_.size() / sizeof(T));
      std::memcpy(out.data() + done, rest_.data(), count * sizeof(T));
      rest_ = rest_.subspan(count * sizeof(T));
      done += count;
      if (rest_.empty()) close();
    }
    return done;
  }

 private:
  bool open() noexcept {
    const std::optional<Message> message = consumer_.take();
    if (!message) return false;
    SMTNI_EXPECT_HOT(!message->payload.empty() && message->payload.size() % sizeof(T) == 0);
    rest_ = message->payload;
    is_open_ = true;
    return true;
  }
  void close() noexcept {
    consumer_.release();
    is_open_ = false;
  }

  RingConsumer& consumer_;
  std::span<const std::byte> rest_;
  bool is_open_ = false;
};

}  // namespace smtni
