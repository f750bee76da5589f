#pragma once

#include <cstddef>
#include <span>
#include <utility>

#include "core/result.h"
#include "core/units.h"

namespace smtni {

/// Owns a file descriptor; -1 owns nothing.
class Fd {
 public:
  Fd() noexcept = default;
  explicit Fd(int descriptor) noexcept : descriptor_(descriptor) {}
  Fd(Fd&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~Fd();

  [[nodiscard]] int get() const noexcept { return descriptor_; }
  [[nodiscard]] bool is_open() const noexcept { return descriptor_ >= 0; }

 private:
  int descriptor_ = -1;
};

/// Owns pages mapped into this process. They stay where they are when the object moves, so a span
/// taken from it stays valid for as long as some Mapping owns them.
class Mapping {
 public:
  Mapping() noexcept = default;
  Mapping(Mapping&& other) noexcept : pages_(std::exchange(other.pages_, {})) {}
  Mapping& operator=(Mapping&& other) noexcept {
    std::swap(pages_, other.pages_);
    return *this;
  }
  ~Mapping();

  /// Maps `size` bytes, rounded up to whole pages, of private zero-filled memory.
  static Result<Mapping> anonymous(Bytes size);

  /// Takes over pages that the caller has mapped.
  static Mapping adopt(std::span<std::byte> pages) noexcept { return Mapping(pages); }

  [[nodiscard]] std::span<std::byte> pages() const noexcept { return pages_; }

 private:
  explicit Mapping(std::span<std::byte> pages) noexcept : pages_(pages) {}

  std::span<std::byte> pages_;
};

[[nodiscard]] Bytes page_size() noexcept;

/// `size` rounded up to whole pages.
[[nodiscard]] Bytes whole_pages(Bytes size) noexcept;

}  // namespace smtni
