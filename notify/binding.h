#pragma once

#include <memory>
#include <string_view>
#include <type_traits>
#include <utility>

#include "core/expect.h"
#include "notify/mechanism.h"

namespace smtni::notify {

/// Refers to what asks for news; itself News. REQUIRES: what it refers to outlives it.
class NewsRef {
 public:
  template <News N>
    requires(!std::is_same_v<N, NewsRef>)
  NewsRef(const N& news) noexcept  // implicit: a parameter type
      : object_(&news), ask_([](const void* object) noexcept -> bool {
          return (*static_cast<const N*>(object))();
        }) {}

  bool operator()() const noexcept { return ask_(object_); }

 private:
  const void* object_;
  bool (*ask_)(const void* object) noexcept;
};

/// What the notifier calls of a mechanism whose type it does not know.
struct NotifierSide {
  void* object;
  void (*prepare)(void* object) noexcept;
  bool (*notify)(void* object, const void* record) noexcept;
};

/// One opened mechanism, chosen by name at run time. What does not belong to its role is refused:
/// by `invalid` in the control plane, and on the hot path it is a broken contract.
///
/// A template over the mechanism's type costs nothing instead; with_mechanism() leads there. This
/// is for who must hold mechanisms of different types side by side, as endpoints do.
///
/// THREADS, COST: the mechanism's, and one indirect call.
class Binding {
 public:
  /// `invalid`, naming what is accepted, for an unknown name; else what the mechanism's open()
  /// says.
  static Result<Binding> open(std::string_view name, const Options& options = {});

  Binding(Binding&&) noexcept = default;
  Binding& operator=(Binding&&) noexcept = default;

  /// Lives as long as the program.
  [[nodiscard]] const MechanismInfo& info() const noexcept { return table_->info; }

  /// Any role.
  void prepare() noexcept { side_.prepare(side_.object); }
  bool notify(const void* record) noexcept { return side_.notify(side_.object, record); }

  /// Puts `side` between the notifier and the mechanism, and gives back what was there, for `side`
  /// to pass the calls on to. For measurements: it sees when the notifier acts, and costs nothing
  /// where it is not used. REQUIRES: nobody notifies meanwhile; `side.object` outlives this.
  NotifierSide exchange_notifier_side(const NotifierSide& side) noexcept {
    return std::exchange(side_, side);
  }

  [[nodiscard]] Fallback expected() const noexcept { return table_->expected(mechanism_.get()); }
  [[nodiscard]] FallbackCounts fallbacks() const noexcept {
    return table_->fallbacks(mechanism_.get());
  }

  /// REQUIRES: role waits.
  Wake wait(NewsRef news, Deadline until) noexcept {
    SMTNI_EXPECT_HOT(table_->wait != nullptr);
    return table_->wait(mechanism_.get(), news, until);
  }

  /// `invalid` unless the role is branches.
  Result<void> arm(const Handler& handler);
  /// `invalid` unless the role is spawns.
  Result<void> arm(const Entry& entry);
  /// REQUIRES: role branches or spawns.
  void disarm() noexcept {
    SMTNI_EXPECT(table_->disarm != nullptr);
    table_->disarm(mechanism_.get());
  }

  /// REQUIRES, for these four: role branches.
  void safepoint() noexcept {
    SMTNI_EXPECT_HOT(table_->safepoint != nullptr);
    table_->safepoint(mechanism_.get());
  }
  void compute(threads::Chain& chain) noexcept {
    SMTNI_EXPECT_HOT(table_->compute != nullptr);
    table_->compute(mechanism_.get(), chain);
  }
  void mask() noexcept {
    SMTNI_EXPECT_HOT(table_->mask != nullptr);
    table_->mask(mechanism_.get());
  }
  void unmask() noexcept {
    SMTNI_EXPECT_HOT(table_->unmask != nullptr);
    table_->unmask(mechanism_.get());
  }

  /// The mechanism itself, for what only it can do; null when it is of another type.
  template <class M>
  [[nodiscard]] M* get_if() noexcept {
    return info().name == M::kInfo.name ? static_cast<M*>(mechanism_.get()) : nullptr;
  }

 private:
  // What a mechanism can do; null where its role has no such call.
  struct Table {
    MechanismInfo info;
    Fallback (*expected)(const void* mechanism) noexcept;
    FallbackCounts (*fallbacks)(const void* mechanism) noexcept;
    Wake (*wait)(void* mechanism, NewsRef news, Deadline until) noexcept = nullptr;
    Result<void> (*arm_handler)(void* mechanism, const Handler& handler) = nullptr;
    Result<void> (*arm_entry)(void* mechanism, const Entry& entry) = nullptr;
    void (*disarm)(void* mechanism) noexcept = nullptr;
    void (*safepoint)(void* mechanism) noexcept = nullptr;
    void (*compute)(void* mechanism, threads::Chain& chain) noexcept = nullptr;
    void (*mask)(void* mechanism) noexcept = nullptr;
    void (*unmask)(void* mechanism) noexcept = nullptr;
  };
  template <class M>
  static constexpr Table make_table() noexcept;
  template <class M>
  static const Table kTable;

  using Destroy = void (*)(void* mechanism);

  Binding(std::unique_ptr<void, Destroy> mechanism, const NotifierSide& side,
          const Table& table) noexcept
      : mechanism_(std::move(mechanism)), side_(side), table_(&table) {}

  std::unique_ptr<void, Destroy> mechanism_;
  // Here, not in the table: one load less on the NI's path.
  NotifierSide side_;
  const Table* table_;
};

}  // namespace smtni::notify
