#include "threads/fiber.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <exception>
#include <memory>
#include <stdexcept>
#include <vector>

#include "tests/unit/call_with_registers.h"
#include "threads/fault.h"

namespace smtni::threads {
namespace {

Stack stack_of(Bytes size) { return std::move(*Stack::create(size, "test")); }

// A fiber with a lambda for its entry.
template <class Body>
class TestFiber {
 public:
  explicit TestFiber(Body body)
      : body_(std::move(body)), stack_(stack_of(64 * kKiB)), fiber_(stack_, {run, this, "test"}) {}
  Fiber* operator->() noexcept { return &fiber_; }
  const Stack& stack() const noexcept { return stack_; }

 private:
  static void run(void* self) {
    auto& test = *static_cast<TestFiber*>(self);
    test.body_(test.fiber_);
  }

  Body body_;
  Stack stack_;
  Fiber fiber_;
};

TEST(Fiber, TakesTurnsWithItsResumer) {
  std::vector<int> order;
  TestFiber fiber([&order](Fiber& self) {
    order.push_back(1);
    self.suspend();
    order.push_back(3);
  });
  fiber->resume();
  EXPECT_FALSE(fiber->has_ended());
  order.push_back(2);
  fiber->resume();
  EXPECT_TRUE(fiber->has_ended());
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
}

TEST(Fiber, RunsOnItsOwnStack) {
  const void* local = nullptr;
  TestFiber fiber([&local](Fiber&) { local = __builtin_frame_address(0); });
  fiber->resume();
  EXPECT_GE(local, fiber.stack().usable().data());
  EXPECT_LT(local, fiber.stack().top());
}

TEST(Fiber, MayResumeAnotherFiber) {
  std::vector<int> order;
  TestFiber inner([&order](Fiber& self) {
    order.push_back(2);
    self.suspend();
    order.push_back(4);
  });
  TestFiber outer([&](Fiber& self) {
    order.push_back(1);
    inner->resume();
    order.push_back(3);
    self.suspend();
    inner->resume();
    order.push_back(5);
  });
  outer->resume();
  outer->resume();
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3, 4, 5}));
}

TEST(Fiber, KeepsTheRegistersOfBothSides) {
  const KeptRegisters fibers = pattern_of(1);
  const KeptRegisters resumers = pattern_of(2);
  KeptRegisters fibers_after{};
  TestFiber fiber([&](Fiber& self) {
    fibers_after =
        registers_after([](void* f) { static_cast<Fiber*>(f)->suspend(); }, &self, fibers);
  });
  fiber->resume();
  const KeptRegisters resumers_after = registers_after(
      [](void* f) { (*static_cast<decltype(fiber)*>(f))->resume(); }, &fiber, resumers);
  EXPECT_EQ(fibers_after, fibers);
  EXPECT_EQ(resumers_after, resumers);
}

TEST(Fiber, KeepsTheFloatingPointControlOfBothSides) {
  const FloatControl before = FloatControl::read();
  const FloatControl truncating = FloatControl::truncating();
  FloatControl at_birth;
  FloatControl after;
  TestFiber fiber([&](Fiber& self) {
    at_birth = FloatControl::read();
    truncating.write();
    self.suspend();
    after = FloatControl::read();
  });
  fiber->resume();
  EXPECT_EQ(FloatControl::read(), before);
  fiber->resume();
  EXPECT_EQ(FloatControl::read(), before);
  EXPECT_EQ(at_birth, before);
  EXPECT_EQ(after, truncating);
}

TEST(Fiber, ReportsAnExceptionThatLeavesItsEntry) {
  const std::uint64_t before = exceptions_reported();
  TestFiber fiber([](Fiber&) { throw std::runtime_error("no more tea"); });
  ::testing::internal::CaptureStderr();
  fiber->resume();
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "smtni: handler 'test' threw: no more tea\n");
  EXPECT_EQ(exceptions_reported(), before + 1);
  EXPECT_TRUE(fiber->has_ended());
}

TEST(Fiber, MaySuspendWhileItHandlesAnException) {
  std::string seen;
  TestFiber fiber([&seen](Fiber& self) {
    try {
      throw std::runtime_error("inner");
    } catch (...) {
      self.suspend();
      try {
        throw;  // what is being handled here, whatever the resumer did meanwhile
      } catch (const std::exception& exception) {
        seen = exception.what();
      }
    }
  });
  fiber->resume();
  EXPECT_EQ(std::current_exception(), nullptr);
  try {
    throw std::runtime_error("outer");
  } catch (const std::exception& exception) {
    fiber->resume();
    EXPECT_STREQ(exception.what(), "outer");
  }
  EXPECT_EQ(seen, "inner");
}

TEST(RunGuarded, ReportsWhatIsNoStdException) {
  ::testing::internal::CaptureStderr();
  run_guarded("odd", [] { throw 42; });
  EXPECT_EQ(::testing::internal::GetCapturedStderr(),
            "smtni: handler 'odd' threw: something that is not a std::exception\n");
}

struct Visit {
  const void* local = nullptr;
  Stack* nested = nullptr;
  Visit* next = nullptr;
};

void visit(void* argument) noexcept {
  auto& self = *static_cast<Visit*>(argument);
  self.local = __builtin_frame_address(0);
  if (self.next != nullptr) run_on_stack(*self.nested, visit, self.next);
}

TEST(RunOnStack, CallsOnTheOtherStackAndComesBack) {
  const Stack stack = stack_of(64 * kKiB);
  Visit there;
  run_on_stack(stack, visit, &there);
  EXPECT_GE(there.local, stack.usable().data());
  EXPECT_LT(there.local, stack.top());
}

TEST(RunOnStack, Nests) {
  const Stack outer = stack_of(64 * kKiB);
  Stack inner = stack_of(64 * kKiB);
  Visit second;
  Visit first{.local = nullptr, .nested = &inner, .next = &second};
  run_on_stack(outer, visit, &first);
  EXPECT_GE(second.local, inner.usable().data());
  EXPECT_LT(second.local, inner.top());
}

TEST(RunOnStack, KeepsTheRegisters) {
  const Stack stack = stack_of(64 * kKiB);
  const KeptRegisters before = pattern_of(3);
  const auto call = [](void* s) {
    Visit there;
    run_on_stack(*static_cast<const Stack*>(s), visit, &there);
  };
  EXPECT_EQ(registers_after(call, const_cast<Stack*>(&stack), before), before);
}

// Printed for the reader, not judged.
TEST(Fiber, TellsWhatASwitchCosts) {
  constexpr int kRounds = 100'000;
  TestFiber fiber([](Fiber& self) {
    for (int round = 0; round < kRounds; ++round) self.suspend();
  });
  const auto begin = std::chrono::steady_clock::now();
  for (int round = 0; round < kRounds; ++round) fiber->resume();
  const std::chrono::duration<double, std::nano> span = std::chrono::steady_clock::now() - begin;
  fiber->resume();
  std::printf("resume and suspend: %.1f ns together\n", span.count() / kRounds);

  const Stack stack = stack_of(64 * kKiB);
  struct Pair {
    StackPointer main = nullptr;
    StackPointer other = nullptr;
  } pair;
#if !defined(SMTNI_WITH_ASAN) && !defined(SMTNI_WITH_TSAN)  // these must hear of each switch
  pair.other = smtni_prepare_context(
      stack.top(),
      [](void* both) {
        for (auto& p = *static_cast<Pair*>(both);;) smtni_switch_context(&p.other, p.main);
      },
      &pair);
  const auto start = std::chrono::steady_clock::now();
  for (int round = 0; round < kRounds; ++round) smtni_switch_context(&pair.main, pair.other);
  const std::chrono::duration<double, std::nano> bare = std::chrono::steady_clock::now() - start;
  std::printf("bare switch: %.1f ns\n", bare.count() / kRounds / 2);
#endif
}

}  // namespace
}  // namespace smtni::threads
