#include "ni/internal/remote_memory.h"

#include <atomic>
#include <cstring>

#include "core/ring_layout.h"

namespace smtni::ni {
namespace {

// The outermost scope of this thread, and whose it is.
thread_local const RemoteMemory* scoped_memory = nullptr;
thread_local const RegionTable::Access* scoped_access = nullptr;

void copy(std::byte* to, std::span<const std::byte> from) noexcept {
  if (from.size() <= kInlineBytes) {
    ring::copy_words(to, from);
  } else {
    std::memcpy(to, from.data(), from.size());
  }
}

std::atomic_ref<std::uint64_t> word_at(std::byte* place) noexcept {
  return std::atomic_ref(*reinterpret_cast<std::uint64_t*>(place));
}

}  // namespace

RemoteMemory::Scope::Scope(RemoteMemory& memory) noexcept {
  if (scoped_memory == &memory) {
    access_ = scoped_access;
    return;
  }
  SMTNI_EXPECT_HOT(scoped_memory == nullptr);
  access_ = &own_.emplace(memory.regions_);
  scoped_memory = &memory;
  scoped_access = access_;
}

RemoteMemory::Scope::~Scope() {
  if (own_) scoped_memory = nullptr;
}

Result<RemoteMemory> RemoteMemory::create(const TlbOptions& options) {
  RegionTable regions;
  auto tlb = NiTlb::create(regions, options);
  if (!tlb) return tl::unexpected(tlb.error());
  return RemoteMemory(std::move(regions), std::move(*tlb));
}

RemoteMemory::Outcome RemoteMemory::execute(const Scope& scope, const Packet& packet) noexcept {
  switch (packet.operation) {
    case Operation::put:
      return put(scope, packet);
    case Operation::get:
      return get(scope, packet.remote);
    default:
      return change_word(scope, packet);
  }
}

// One of several packets of an operation is good only if the whole operation is: then none of them
// writes a byte of an operation that goes too far.
std::optional<Fault> RemoteMemory::check_whole(const Scope& scope,
                                               const RemoteAccess& remote) noexcept {
  const auto region = scope.access().find(RegionKey::from_word(remote.key));
  if (!region) return region.error();
  const std::uint64_t offset = remote.virtual_address - (*region)->virtual_address;
  if (remote.virtual_address < (*region)->virtual_address || offset > (*region)->size ||
      remote.length > (*region)->size - offset) {
    return Fault::out_of_bounds;
  }
  return std::nullopt;
}

RemoteMemory::Outcome RemoteMemory::put(const Scope& scope, const Packet& packet) noexcept {
  const RemoteAccess& remote = packet.remote;
  const RegionKey key = RegionKey::from_word(remote.key);
  const bool is_whole = remote.offset == 0 && remote.is_last;
  if (!is_whole) {
    if (const auto fault = check_whole(scope, remote)) return {.fault = fault};
  }
  const Translation place =
      tlb_.translate(scope.access(), {.key = key,
                                      .virtual_address = remote.virtual_address + remote.offset,
                                      .length = Bytes(packet.payload.size()),
                                      .rights = Rights::remote_write});
  if (!place) return {.fault = place.error()};
  Outcome outcome;
  if (remote.signal != RemoteAccess::kNoSignal) {
    const Translation word =
        tlb_.translate(scope.access(), {.key = key,
                                        .virtual_address = remote.signal_address,
                                        .length = Bytes(sizeof(std::uint64_t)),
                                        .rights = Rights::remote_write});
    if (!word) return {.fault = word.error()};
    outcome.signal = *word;
  }
  placed_bytes_ += packet.payload.size();
  copy(*place, packet.payload);
  return outcome;
}

std::optional<Fault> RemoteMemory::store(const Store& store) noexcept {
  const Scope scope(*this);
  const auto translate = [&](std::uint64_t virtual_address, std::size_t length) noexcept {
    return tlb_.translate(scope.access(), {.key = store.key,
                                           .virtual_address = virtual_address,
                                           .length = Bytes(length),
                                           .rights = Rights::remote_write});
  };
  const Translation place = translate(store.virtual_address, store.length);
  if (!place) return place.error();
  Outcome outcome;
  RemoteAccess remote;
  if (store.signal != nullptr) {
    const Translation word = translate(store.signal->virtual_address, sizeof(std::uint64_t));
    if (!word) return word.error();
    outcome.signal = *word;
    remote.operand = store.signal->value;
    remote.signal = store.signal->how == Signal::How::add ? RemoteAccess::kAdd : RemoteAccess::kSet;
  }
  const std::byte* from = store.data;
  if (store.slice != nullptr) {
    const Translation near =
        local(scope, store.slice->key, store.slice->virtual_address, store.length);
    if (!near) return near.error();
    from = *near;
  }
  placed_bytes_ += store.length;
  copy(*place, {from, store.length});
  signal(outcome, remote);
  return std::nullopt;
}

void RemoteMemory::signal(const Outcome& outcome, const RemoteAccess& remote) noexcept {
  if (outcome.signal == nullptr) return;
  // [signal] release: whoever acquires the word's new value sees the put's data.
  if (remote.signal == RemoteAccess::kAdd) {
    word_at(outcome.signal).fetch_add(remote.operand, std::memory_order_release);
  } else {
    word_at(outcome.signal).store(remote.operand, std::memory_order_release);
  }
}

RemoteMemory::Outcome RemoteMemory::get(const Scope& scope, const RemoteAccess& remote) noexcept {
  if (remote.operand != remote.length) {
    if (const auto fault = check_whole(scope, remote)) return {.fault = fault};
  }
  const Translation place =
      tlb_.translate(scope.access(), {.key = RegionKey::from_word(remote.key),
                                      .virtual_address = remote.virtual_address + remote.offset,
                                      .length = Bytes(remote.operand),
                                      .rights = Rights::remote_read});
  if (!place) return {.fault = place.error()};
  return {.payload = std::span(*place, remote.operand)};
}

RemoteMemory::Outcome RemoteMemory::change_word(const Scope& scope, const Packet& packet) noexcept {
  const RemoteAccess& remote = packet.remote;
  const Translation place =
      tlb_.translate(scope.access(), {.key = RegionKey::from_word(remote.key),
                                      .virtual_address = remote.virtual_address,
                                      .length = Bytes(sizeof(std::uint64_t)),
                                      .rights = Rights::remote_atomic});
  if (!place) return {.fault = place.error()};
  // acq_rel: an atomic of another's memory may pass on what came before it, either way.
  if (packet.operation == Operation::fetch_add) {
    return {.value = word_at(*place).fetch_add(remote.operand, std::memory_order_acq_rel)};
  }
  std::uint64_t expected = remote.expected;
  word_at(*place).compare_exchange_strong(expected, remote.operand, std::memory_order_acq_rel,
                                          std::memory_order_acquire);
  return {.value = expected};
}

std::uint64_t RemoteMemory::placed_bytes() noexcept {
  const RegionTable::Access access(regions_);
  return placed_bytes_;
}

TlbCounters RemoteMemory::tlb_counters() noexcept {
  const RegionTable::Access access(regions_);
  return tlb_.counters(access);
}

}  // namespace smtni::ni
