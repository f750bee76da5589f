#include "notify/binding.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <type_traits>

#include "notify/mechanisms.h"

namespace smtni::notify {
namespace {

static_assert(std::is_nothrow_move_constructible_v<Binding>);
static_assert(!std::is_copy_constructible_v<Binding>);
static_assert(News<NewsRef>);

const Handler kHandler{[](void* runs, TscInstant) { ++*static_cast<int*>(runs); }, nullptr, "h"};
const Entry kEntry{[](void*, const void*) {}, nullptr, "e"};

TEST(Mechanisms, HaveNamesOfTheirOwn) {
  std::set<std::string_view> names;
  for (const MechanismInfo& info : all_mechanism_infos()) {
    EXPECT_TRUE(names.insert(info.name).second) << info.name;
  }
  EXPECT_EQ(names.size(), AllMechanisms::kSize);
}

TEST(Mechanisms, AreVisitedInTheOrderOfTheList) {
  std::vector<std::string_view> visited;
  for_each_mechanism([&]<class M>() { visited.push_back(M::kInfo.name); });
  const auto infos = all_mechanism_infos();
  EXPECT_TRUE(std::ranges::equal(visited, infos, {}, {}, &MechanismInfo::name));
  EXPECT_EQ(visited.front(), "lock-table/spin");
  EXPECT_EQ(visited.back(), "adaptive");
}

TEST(Binding, RefusesAnUnknownNameAndTellsWhatIsAccepted) {
  const Result<Binding> binding = Binding::open("kernel/carrier-pigeon");
  ASSERT_FALSE(binding.has_value());
  EXPECT_EQ(binding.error().kind, Error::Kind::invalid);
  EXPECT_NE(binding.error().what.find("kernel/carrier-pigeon"), std::string::npos);
  for (const MechanismInfo& info : all_mechanism_infos()) {
    EXPECT_NE(binding.error().what.find(info.name), std::string::npos) << info.name;
  }
}

TEST(Binding, WaitsThroughTheMechanismOfThatName) {
  Result<Binding> binding = Binding::open("kernel/eventfd");
  ASSERT_TRUE(binding.has_value());
  EXPECT_EQ(binding->info().name, "kernel/eventfd");
  bool is_there = false;
  const auto news = [&]() noexcept { return is_there; };
  EXPECT_EQ(binding->wait(news, in(std::chrono::milliseconds(1))), Wake::timed_out);
  is_there = true;
  EXPECT_TRUE(binding->notify(nullptr));
  EXPECT_EQ(binding->wait(news, in(std::chrono::seconds(20))), Wake::news);
}

TEST(Binding, BranchesThroughTheMechanismOfThatName) {
  Result<Binding> binding = Binding::open("async-branch/safepoint");
  ASSERT_TRUE(binding.has_value());
  int runs = 0;
  Handler handler = kHandler;
  handler.argument = &runs;
  ASSERT_TRUE(binding->arm(handler));
  binding->mask();
  binding->notify(nullptr);
  threads::Chain chain;
  binding->compute(chain);
  EXPECT_EQ(runs, 0);
  binding->unmask();
  EXPECT_EQ(runs, 1);
  binding->notify(nullptr);
  binding->safepoint();
  EXPECT_EQ(runs, 2);
  binding->disarm();
}

TEST(Binding, RefusesToArmWhatDoesNotBelongToTheRole) {
  Result<Binding> waiting = Binding::open("poll/spin");
  ASSERT_TRUE(waiting.has_value());
  EXPECT_EQ(waiting->arm(kHandler).error().kind, Error::Kind::invalid);
  EXPECT_EQ(waiting->arm(kEntry).error().what,
            "poll/spin cannot be armed with an entry: its receiver waits");
  Result<Binding> branching = Binding::open("async-branch/safepoint");
  ASSERT_TRUE(branching.has_value());
  EXPECT_EQ(branching->arm(kEntry).error().kind, Error::Kind::invalid);
}

TEST(Binding, GivesTheMechanismToWhoKnowsItsType) {
  Result<Binding> binding = Binding::open("kernel/futex");
  ASSERT_TRUE(binding.has_value());
  EXPECT_NE(binding->get_if<Futex>(), nullptr);
  EXPECT_EQ(binding->get_if<Eventfd>(), nullptr);
}

TEST(BindingDeathTest, DoesNotDisarmAReceiverThatWaits) {
  Result<Binding> binding = Binding::open("poll/spin");
  ASSERT_TRUE(binding.has_value());
  EXPECT_DEATH(binding->disarm(), "disarm != nullptr");
}

// What is put between the notifier and the mechanism, and passes the calls on.
struct Between {
  NotifierSide inner{};
  int prepared = 0;
  int notified = 0;

  static void prepare(void* self) noexcept {
    auto* between = static_cast<Between*>(self);
    ++between->prepared;
    between->inner.prepare(between->inner.object);
  }
  static bool notify(void* self, const void* record) noexcept {
    auto* between = static_cast<Between*>(self);
    ++between->notified;
    return between->inner.notify(between->inner.object, record);
  }
};

TEST(Binding, LetsOthersStandBetweenTheNotifierAndTheMechanism) {
  auto binding = Binding::open("async-branch/safepoint");
  ASSERT_TRUE(binding) << binding.error().what;
  int branches = 0;
  const auto count = [](void* argument, TscInstant) { ++*static_cast<int*>(argument); };
  ASSERT_TRUE(binding->arm(Handler{count, &branches, "test"}));
  Between between;
  between.inner = binding->exchange_notifier_side({&between, Between::prepare, Between::notify});

  binding->prepare();
  EXPECT_TRUE(binding->notify(nullptr));
  binding->safepoint();
  (void)binding->exchange_notifier_side(between.inner);
  EXPECT_TRUE(binding->notify(nullptr));
  binding->safepoint();

  EXPECT_EQ(between.prepared, 1);
  EXPECT_EQ(between.notified, 1);
  EXPECT_EQ(branches, 2);
  binding->disarm();
}

}  // namespace
}  // namespace smtni::notify
