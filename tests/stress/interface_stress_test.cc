// Many threads on one interface: waiting, branched and spawned receivers, endpoints that come and
// go. Every byte, each sender's order and the counts are checked. What this can show: lost,
// doubled, torn or reordered messages and lost wake-ups, with all edges under TSan. What it cannot:
// a missing fence on x86; the models have those.
#include <gtest/gtest.h>
#include <sched.h>

#include <array>
#include <atomic>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "ni/interface.h"
#include "notify/mechanisms.h"

namespace smtni::ni {
namespace {

using namespace std::chrono_literals;

// Far beyond any honest delivery; whoever waits that long has lost a wake-up.
constexpr auto kPatience = 60s;

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr std::uint32_t kMessages = 60;  // of each sender to each receiver
#else
constexpr std::uint32_t kMessages = 150;
#endif
constexpr std::uint32_t kSenders = 2;
// The endpoints that come and go send, too, all as one.
constexpr std::uint32_t kGuest = kSenders;
constexpr std::uint32_t kOrigins = kSenders + 1;
constexpr std::size_t kLargest = 4096;

std::uint64_t mix(std::uint64_t word) noexcept {  // splitmix64's finaliser
  word = (word ^ (word >> 30)) * 0xBF58476D1CE4E5B9U;
  word = (word ^ (word >> 27)) * 0x94D049BB133111EBU;
  return word ^ (word >> 31);
}

// What a message must look like follows from who sent it and its number.
struct Letter {
  std::uint32_t origin;
  std::uint32_t number;

  [[nodiscard]] std::size_t size(std::size_t most) const noexcept {
    const std::uint64_t random = mix(std::uint64_t{origin} << 32 | number);
    // One in four is small, as messages are.
    return static_cast<std::size_t>((random >> 8) % (random % 4 == 0 ? 33 : most + 1));
  }
  [[nodiscard]] std::byte byte(std::size_t at) const noexcept {
    return static_cast<std::byte>(origin * 101 + number * 31 + at * 7);
  }
  void write(std::span<std::byte> payload) const noexcept {
    for (std::size_t at = 0; at < payload.size(); ++at) payload[at] = byte(at);
  }
  [[nodiscard]] bool is_in(const Message& message, std::size_t most) const noexcept {
    if (message.payload.size() != size(most)) return false;
    for (std::size_t at = 0; at < message.payload.size(); ++at) {
      if (message.payload[at] != byte(at)) return false;
    }
    return true;
  }
};

Letter letter_of(const Message& message) noexcept {
  return {message.info.type_id, static_cast<std::uint32_t>(message.info.user_data)};
}

// What one receiver has got. Its checks are async-signal-safe, for handlers that interrupt.
class Tally {
 public:
  explicit Tally(std::size_t most) : most_(most) {}

  // A receiver that gets its messages one after another.
  void take_in_order(const Message& message) noexcept {
    const Letter letter = letter_of(message);
    const bool is_next = letter.origin < kOrigins && letter.number == next_[letter.origin].load();
    if (!is_next || !letter.is_in(message, most_)) ++wrong_;
    if (letter.origin < kOrigins) ++next_[letter.origin];
    ++total_;
  }
  // Contexts that run side by side: each message once, in any order.
  void take_once(const Message& message) noexcept {
    const Letter letter = letter_of(message);
    const bool is_known = letter.origin < kSenders && letter.number < kMessages;
    if (!is_known || seen_[letter.origin][letter.number].exchange(true) ||
        !letter.is_in(message, most_)) {
      ++wrong_;
    }
    ++total_;
  }

  [[nodiscard]] std::uint32_t total() const noexcept { return total_.load(); }
  [[nodiscard]] std::uint32_t wrong() const noexcept { return wrong_.load(); }
  [[nodiscard]] std::size_t most() const noexcept { return most_; }

 private:
  std::size_t most_;
  std::array<std::atomic<std::uint32_t>, kOrigins> next_{};
  std::array<std::array<std::atomic<bool>, kMessages>, kSenders> seen_{};
  std::atomic<std::uint32_t> total_{0};
  std::atomic<std::uint32_t> wrong_{0};
};

// A few turns, rarely a yield, seldom a sleep.
void dawdle(std::mt19937& random) {
  const unsigned turns = random() % 256;
  if (turns == 0) {
    std::this_thread::sleep_for(100us);
  } else if (turns < 8) {
    ::sched_yield();
  } else if (turns < 64) {
    for (unsigned turn = 0; turn < turns; ++turn) cpu_pause();
  }
}

bool send_patiently(Endpoint& from, Address to, Letter letter, std::size_t most, bool notify) {
  std::array<std::byte, kLargest> bytes;
  const std::span payload = std::span(bytes).first(letter.size(most));
  letter.write(payload);
  const Deadline until = in(kPatience);
  for (;;) {
    const Sent sent = from.send(
        to, payload, {.type_id = letter.origin, .user_data = letter.number, .notify = notify});
    if (sent) return true;
    if (sent.why() != Error::Kind::would_block || has_passed(until)) return false;
    ::sched_yield();
  }
}

std::vector<std::string_view> names_of(notify::Role role) {
  std::vector<std::string_view> names;
  for (const auto& info : notify::all_mechanism_infos()) {
    if (info.role == role) names.push_back(info.name);
  }
  return names;
}

class InterfaceStress : public testing::TestWithParam<Drive> {
 protected:
  void SetUp() override {
    auto started = Interface::start({.drive = GetParam()});
    ASSERT_TRUE(started) << started.error().what;
    interface.emplace(*std::move(started));
  }

  Result<Endpoint> open(std::string_view mechanism, Bytes cache) {
    return interface->open_endpoint(
        {.message_cache = cache, .send_buffer = Bytes(16 * 1024), .notify = mechanism});
  }

  void send_to(const std::vector<Address>& targets, const std::vector<std::size_t>& mosts,
               std::uint32_t origin) {
    std::mt19937 random(seed + origin);
    Endpoint self = *open("poll/pause", Bytes(4096));
    Address guest;
    std::uint32_t to_guest = 0;
    for (std::uint32_t number = 0; number < kMessages; ++number) {
      for (std::size_t at = 0; at < targets.size(); ++at) {
        const bool notify = number + 1 == kMessages || random() % 4 != 0;
        ASSERT_TRUE(send_patiently(self, targets[at], {origin, number}, mosts[at], notify));
        dawdle(random);
      }
      // Whoever the guest is now: it may close at any moment, and what is under way to it is lost.
      const Address now = Address::from_word(guest_.load(std::memory_order_acquire));
      if (now != std::exchange(guest, now)) to_guest = 0;
      if (now == Address()) continue;
      std::array<std::byte, kLargest> bytes;
      const Letter letter{origin, to_guest};
      const std::span payload = std::span(bytes).first(letter.size(kGuestMost));
      letter.write(payload);
      if (self.send(now, payload, {.type_id = origin, .user_data = to_guest})) ++to_guest;
    }
    EXPECT_TRUE(self.close(in(kPatience)));
  }

  // Opens endpoints one after another; each receives for a while, sends one message and closes.
  void come_and_go(Address host, std::size_t most) {
    for (std::uint32_t number = 0; number < kGuests; ++number) {
      Endpoint guest = *open(number % 2 == 0 ? "lock-table/park" : "kernel/eventfd", Bytes(2048));
      Tally tally(kGuestMost);
      guest_.store(guest.address().word(), std::memory_order_release);
      for (int count = 0; count < 5; ++count) {
        if (const Received message = guest.receive(in(1ms))) tally.take_in_order(*message);
      }
      guest_.store(0, std::memory_order_release);
      EXPECT_EQ(tally.wrong(), 0U);
      EXPECT_TRUE(send_patiently(guest, host, {kGuest, number}, most, number % 2 == 0));
      EXPECT_TRUE(guest.close(in(kPatience))) << "with room, everything leaves";
    }
  }
  static constexpr std::uint32_t kGuests = 15;
  static constexpr std::size_t kGuestMost = 900;

  const unsigned seed = std::random_device{}();
  std::optional<Interface> interface;
  std::atomic<std::uint32_t> guest_{0};  // its address, or 0
};

// One endpoint waits with `waiting`, one is branched by `branching`, one spawns by `spawning`.
struct Mix {
  std::string_view waiting;
  std::string_view branching;
  std::string_view spawning;
};

class InterfaceStressMix : public InterfaceStress {
 protected:
  void run(const Mix& mix) {
    auto waiter = open(mix.waiting, Bytes(8192));
    if (!waiter) {
      ASSERT_EQ(waiter.error().kind, Error::Kind::unsupported) << waiter.error().what;
      return;
    }
    Endpoint branched = *open("lock-table/park", Bytes(4096));
    Endpoint spawning = *open("lock-table/park", Bytes(64 * 1024));
    const std::vector<std::size_t> mosts = {4032, 1984, 4096};
    const std::vector<Address> targets = {waiter->address(), branched.address(),
                                          spawning.address()};
    auto received = std::make_unique<Tally>(mosts[0]);
    auto handled = std::make_unique<Tally>(mosts[1]);
    auto spawned = std::make_unique<Tally>(mosts[2]);

    ASSERT_TRUE(spawning.spawn_on_message(
        [&](const Message& message) { spawned->take_once(message); }, {.mechanism = mix.spawning}));
    std::vector<std::thread> threads;
    threads.emplace_back([&] {
      while (received->total() < kSenders * kMessages + kGuests) {
        const Received message = waiter->receive(in(kPatience));
        ASSERT_TRUE(message) << mix.waiting << " lost a wake-up";
        received->take_in_order(*message);
      }
    });
    threads.emplace_back([&] { compute(branched, *handled, mix.branching); });
    threads.emplace_back([&] { come_and_go(targets[0], mosts[0]); });
    for (std::uint32_t origin = 0; origin < kSenders; ++origin) {
      threads.emplace_back([&, origin] { send_to(targets, mosts, origin); });
    }
    for (std::thread& thread : threads) thread.join();
    const Deadline until = in(kPatience);
    while (spawned->total() < kSenders * kMessages && !has_passed(until)) ::sched_yield();
    spawning.stop_handling();

    EXPECT_EQ(received->wrong(), 0U) << mix.waiting;
    EXPECT_EQ(handled->wrong(), 0U) << mix.branching;
    EXPECT_EQ(spawned->wrong(), 0U) << mix.spawning;
    EXPECT_EQ(received->total(), kSenders * kMessages + kGuests) << mix.waiting;
    EXPECT_EQ(handled->total(), kSenders * kMessages) << mix.branching;
    EXPECT_EQ(spawned->total(), kSenders * kMessages) << mix.spawning;
    EXPECT_FALSE(waiter->try_receive());
  }

 private:
  // Branched at any moment: while it computes, and inside its own calls of the library.
  void compute(Endpoint& self, Tally& tally, std::string_view mechanism) {
    constexpr std::uint32_t kOwn = 5;
    Endpoint other = *open("kernel/condvar", Bytes(2048));
    const auto bound = self.on_message(
        [&](const Message& message) {
          tally.take_in_order(message);
          (void)self.send(other.address(), {}, {.notify = false});  // no matter if it has no room
        },
        {.mechanism = mechanism});
    if (!bound) {
      ASSERT_EQ(bound.error().kind, Error::Kind::unsupported) << bound.error().what;
      while (tally.total() < kSenders * kMessages) {
        const Received message = self.receive(in(kPatience));
        ASSERT_TRUE(message);
        tally.take_in_order(*message);
      }
      return;
    }
    threads::Chain chain;
    const Deadline until = in(kPatience);
    while (tally.total() < kSenders * kMessages && !has_passed(until)) {
      self.binding().compute(chain);
      while (!other.send(other.address(), {}, {.type_id = kOwn})) (void)other.try_receive();
      bool is_back = false;
      while (!is_back) {
        const Received message = other.receive(in(kPatience));
        ASSERT_TRUE(message);
        is_back = message->info.type_id == kOwn;
      }
      EXPECT_LE(self.counters().placed, kSenders * kMessages);
      ::sched_yield();
    }
    self.stop_handling();
  }
};

TEST_P(InterfaceStressMix, KeepsEveryByteAndEverySendersOrder) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  const auto waiting = names_of(notify::Role::waits);
  const auto branching = names_of(notify::Role::branches);
  const auto spawning = names_of(notify::Role::spawns);
  for (std::size_t at = 0; at < waiting.size(); ++at) {
    run({waiting[at], branching[at % branching.size()], spawning[at % spawning.size()]});
    if (HasFatalFailure()) return;
  }
}

TEST_P(InterfaceStress, LetsEverybodyGoWhenItEndsUnderTraffic) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  for (int round = 0; round < 20; ++round) {
    auto started = Interface::start({.drive = GetParam()});
    ASSERT_TRUE(started) << started.error().what;
    interface.emplace(*std::move(started));
    std::vector<Endpoint> pairs;
    for (int count = 0; count < 6; ++count) pairs.push_back(*open("lock-table/park", Bytes(2048)));
    std::vector<std::thread> threads;
    for (std::size_t at = 0; at < pairs.size(); at += 2) {
      const Address to = pairs[at + 1].address();
      threads.emplace_back([self = std::move(pairs[at]), to, at, this]() mutable {
        std::mt19937 random(seed + static_cast<unsigned>(at));
        const Deadline until = in(kPatience);
        while (!has_passed(until)) {  // one in a few thousand closes before the interface ends
          const Sent sent = self.send(to, {}, {.notify = random() % 2 == 0});
          if (!sent && sent.why() == Error::Kind::closed) break;
          if (random() % 4096 == 0) break;
          dawdle(random);
        }
        EXPECT_FALSE(has_passed(until));
      });
      threads.emplace_back([self = std::move(pairs[at + 1])]() mutable {
        const Deadline until = in(kPatience);
        while (self.receive(until)) continue;
        EXPECT_FALSE(has_passed(until)) << "slept on when the interface had gone";
      });
    }
    std::this_thread::sleep_for(std::chrono::microseconds(mix(seed + unsigned(round)) % 3000));
    interface.reset();
    for (std::thread& thread : threads) thread.join();
  }
}

constexpr auto kDriveName = [](const auto& drive) {
  return drive.param == Drive::dedicated ? "Dedicated" : "InTheCall";
};
INSTANTIATE_TEST_SUITE_P(Drives, InterfaceStressMix,
                         testing::Values(Drive::dedicated, Drive::in_the_call), kDriveName);
INSTANTIATE_TEST_SUITE_P(Drives, InterfaceStress,
                         testing::Values(Drive::dedicated, Drive::in_the_call), kDriveName);

}  // namespace
}  // namespace smtni::ni
