#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "core/result.h"
#include "ni/fault.h"
#include "ni/region.h"
#include "ni/remote.h"
#include "ni/tlb.h"
#include "ni/wire.h"

namespace smtni::ni {

/// The regions of one interface and its NI TLB, and what others' operations do to them.
class RemoteMemory {
 public:
  static Result<RemoteMemory> create(const TlbOptions& options);

  [[nodiscard]] RegionTable& regions() noexcept { return regions_; }

  /// An access to the regions, from the look-up until the last byte is moved. Scopes nest within a
  /// thread: on the way from one's own region to one's own, the inner one uses the outer's access.
  class Scope {
   public:
    explicit Scope(RemoteMemory& memory) noexcept;
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

    [[nodiscard]] const RegionTable::Access& access() const noexcept { return *access_; }

   private:
    std::optional<RegionTable::Access> own_;  // empty: nested
    const RegionTable::Access* access_;
  };

  /// What an operation has come to.
  struct Outcome {
    std::optional<Fault> fault = std::nullopt;  ///< then nothing was read or written
    std::uint64_t value = 0;                    ///< of an atomic: the word before
    std::span<const std::byte> payload = {};    ///< of a get: valid while the scope is
    std::byte* signal = nullptr;                ///< of a put that signals: where; likewise
  };

  /// A put within this memory.
  struct Store {
    RegionKey key;
    std::uint64_t virtual_address = 0;
    std::size_t length = 0;
    const std::byte* data = nullptr;  ///< null: what the slice names
    const Slice* slice = nullptr;
    const Signal* signal = nullptr;  ///< null: none
  };
  /// Carries it out, signal and all; or says why not.
  std::optional<Fault> store(const Store& store) noexcept;

  /// Carries out all of a put, get or atomic but the put's signal. REQUIRES: `scope` is of this.
  Outcome execute(const Scope& scope, const Packet& packet) noexcept;
  /// Changes the signal of a put that has come to `outcome`, if it has one. REQUIRES: the scope of
  /// its execution is not over.
  static void signal(const Outcome& outcome, const RemoteAccess& remote) noexcept;

  /// The near end of one's own operation: where `length` bytes of a region with Rights::local lie.
  Translation local(const Scope& scope, RegionKey key, std::uint64_t virtual_address,
                    std::uint64_t length) noexcept {
    return tlb_.translate(scope.access(), {.key = key,
                                           .virtual_address = virtual_address,
                                           .length = Bytes(length),
                                           .rights = Rights::local});
  }

  [[nodiscard]] TlbCounters tlb_counters() noexcept;
  /// Bytes that puts have stored here. THREADS: any.
  [[nodiscard]] std::uint64_t placed_bytes() noexcept;

 private:
  RemoteMemory(RegionTable regions, NiTlb tlb) noexcept
      : regions_(std::move(regions)), tlb_(std::move(tlb)) {}

  std::optional<Fault> check_whole(const Scope& scope, const RemoteAccess& remote) noexcept;
  Outcome put(const Scope& scope, const Packet& packet) noexcept;
  Outcome get(const Scope& scope, const RemoteAccess& remote) noexcept;
  Outcome change_word(const Scope& scope, const Packet& packet) noexcept;

  RegionTable regions_;
  NiTlb tlb_;
  std::uint64_t placed_bytes_ = 0;  // under the access
};

}  // namespace smtni::ni
