// One-sided operations: put, get, put_signal, fetch_add, compare_swap, and messages by DMA; with
// both drives, and between two nodes.
#include "ni/remote.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "ni/fabric.h"
#include "tests/unit/interface_fixture.h"

namespace smtni::ni {
namespace {

constexpr Rights kAll =
    Rights::remote_read | Rights::remote_write | Rights::remote_atomic | Rights::local;

enum class Where : std::uint8_t { dedicated, in_the_call, across_a_fabric, across_a_link };

// The origin's interface and the target's, which is the same one but across a fabric.
class RemoteTest : public testing::TestWithParam<Where> {
 protected:
  void SetUp() override {
    InterfaceOptions options;
    if (GetParam() == Where::in_the_call) options.drive = Drive::in_the_call;
    if (GetParam() == Where::across_a_link) {
      options.link = LinkOptions{.gigabits_per_second = 100, .latency = Nanoseconds(1000)};
    }
    if (GetParam() == Where::across_a_fabric || GetParam() == Where::across_a_link) {
      auto created = Fabric::create();
      ASSERT_TRUE(created) << created.error().what;
      fabric.emplace(*std::move(created));
      options.fabric = &*fabric;
      second.emplace(start(options));
    }
    first.emplace(start(options));
    near.emplace(open(*first));
    far.emplace(open(target_interface()));
    for (std::size_t at = 0; at < memory.size(); ++at) memory[at] = pattern(at);
  }

  static Interface start(const InterfaceOptions& options) {
    auto started = Interface::start(options);
    EXPECT_TRUE(started) << started.error().what;
    return *std::move(started);
  }
  static Endpoint open(Interface& interface, const EndpointOptions& options = {}) {
    auto endpoint = interface.open_endpoint(options);
    EXPECT_TRUE(endpoint) << endpoint.error().what;
    return *std::move(endpoint);
  }
  Interface& target_interface() { return second ? *second : *first; }

  static std::byte pattern(std::size_t at) { return static_cast<std::byte>(at * 7 + at / 251); }

  Region expose(Rights rights = kAll) {
    auto region = target_interface().register_region(memory, rights);
    EXPECT_TRUE(region) << region.error().what;
    return *std::move(region);
  }
  Region keep(std::span<std::byte> mine, Rights rights = Rights::local) {
    auto region = first->register_region(mine, rights);
    EXPECT_TRUE(region) << region.error().what;
    return *std::move(region);
  }
  RemoteAddress at(const Region& region, std::uint64_t offset = 0) const {
    return {far->address(), region.key(), region.virtual_address() + offset};
  }
  std::uint64_t word(std::size_t offset) const {
    std::uint64_t value = 0;
    std::memcpy(&value, memory.data() + offset, sizeof value);
    return value;
  }
  bool is_untouched() const {
    for (std::size_t at = 0; at < memory.size(); ++at) {
      if (memory[at] != pattern(at)) return false;
    }
    return true;
  }
  Completion await_completion() {
    const Deadline until = in(kPatience);
    std::optional<Completion> completion;
    while (!completion && !has_passed(until)) {
      completion = near->poll_completion();
      std::this_thread::yield();
    }
    EXPECT_TRUE(completion);
    return completion.value_or(Completion{});
  }

  // The regions' memory outlives the interfaces.
  alignas(64) std::vector<std::byte> memory = std::vector<std::byte>(200'000);
  std::vector<std::byte> own = std::vector<std::byte>(200'000);
  std::optional<Fabric> fabric;
  std::optional<Interface> second;
  std::optional<Interface> first;
  std::optional<Endpoint> near;
  std::optional<Endpoint> far;
};

TEST_P(RemoteTest, PutsBytesWhereTheOriginSaysSo) {
  const Region region = expose();
  ASSERT_TRUE(near->put(at(region, 100), bytes("hello"), {.ticket = 5, .remote_completion = true}));
  const Completion completion = await_completion();
  EXPECT_EQ(completion.ticket, 5U);
  EXPECT_EQ(completion.status, CompletionStatus::done);
  EXPECT_EQ(completion.scope, CompletionScope::remote);
  EXPECT_EQ(std::memcmp(memory.data() + 100, "hello", 5), 0);
  EXPECT_EQ(memory[99], pattern(99));
  EXPECT_EQ(memory[105], pattern(105));
}

TEST_P(RemoteTest, PutsAndGetsSlicesOfEverySize) {
  const Region region = expose();
  const Region source = keep(own);
  std::vector<std::byte> back(own.size());
  const Region sink = keep(back);
  for (std::size_t at = 0; at < own.size(); ++at) own[at] = static_cast<std::byte>(at * 13 + 1);
  for (const std::uint32_t size : {0U, 1U, 63U, 64U, 4096U, 16'384U, 16'385U, 65'536U, 150'001U}) {
    ASSERT_TRUE(near->put(at(region, 33), slice_of(source, 17, size)));
    ASSERT_TRUE(near->quiet(in(kPatience))) << size;
    EXPECT_EQ(std::memcmp(memory.data() + 33, own.data() + 17, size), 0) << size;
    EXPECT_EQ(memory[33 + size], pattern(33 + size)) << size;
    ASSERT_TRUE(near->get(slice_of(sink, 5, size), at(region, 33)));
    ASSERT_TRUE(near->quiet(in(kPatience))) << size;
    EXPECT_EQ(std::memcmp(back.data() + 5, own.data() + 17, size), 0) << size;
    EXPECT_EQ(back[5 + size], std::byte{0}) << size;
    std::fill(back.begin(), back.end(), std::byte{0});
    for (std::size_t at = 0; at < 200'000; ++at) memory[at] = pattern(at);
  }
}

// Whoever acquires the signal's value sees the data.
TEST_P(RemoteTest, SignalsOnceTheDataIsThere) {
  const Region region = expose();
  std::atomic_ref<std::uint64_t> signal(*reinterpret_cast<std::uint64_t*>(memory.data() + 64));
  signal.store(0);
  std::uint64_t sum = 0;
  std::thread receiver([&] {
    const Deadline until = in(kPatience);
    for (std::uint64_t round = 1; round <= 500; ++round) {
      while (signal.load(std::memory_order_acquire) < round && !has_passed(until)) {
        std::this_thread::yield();
      }
      sum += word(8 * (128 + round));
    }
  });
  for (std::uint64_t round = 1; round <= 500; ++round) {
    const std::uint64_t value = round * round;
    const auto data = std::as_bytes(std::span<const std::uint64_t, 1>(&value, 1));
    const Signal::How how = round % 2 == 0 ? Signal::How::add : Signal::How::set;
    const Deadline until = in(kPatience);
    for (;;) {
      const Sent sent = near->put_signal(at(region, 8 * (128 + round)), data,
                                         {.virtual_address = region.virtual_address() + 64,
                                          .value = how == Signal::How::add ? 1 : round,
                                          .how = how});
      if (sent || has_passed(until)) break;
      std::this_thread::yield();
    }
  }
  receiver.join();
  EXPECT_TRUE(near->quiet(in(kPatience)));
  EXPECT_EQ(sum, 500U * 501U * 1001U / 6U);
}

TEST_P(RemoteTest, TellsTheTargetOfAPutWhenAskedTo) {
  const Region region = expose();
  ASSERT_TRUE(
      near->put(at(region), bytes("data"), {.notify = true, .type_id = 9, .user_data = 77}));
  const Received news = far->receive(in(kPatience));
  ASSERT_TRUE(news);
  EXPECT_EQ(news->payload.size(), 0U);
  EXPECT_EQ(news->info.type_id, 9U);
  EXPECT_EQ(news->info.user_data, 77U);
  EXPECT_EQ(news.origin(), near->address());
  EXPECT_EQ(std::memcmp(memory.data(), "data", 4), 0);
}

TEST_P(RemoteTest, AddsAndSwapsAtomically) {
  const Region region = expose();
  const std::uint64_t zero = 0;
  std::memcpy(memory.data() + 8, &zero, sizeof zero);
  for (std::uint64_t round = 0; round < 10; ++round) {
    ASSERT_TRUE(near->fetch_add(at(region, 8), 3, {.ticket = round, .remote_completion = true}));
    const Completion completion = await_completion();
    EXPECT_EQ(completion.ticket, round);
    EXPECT_EQ(completion.value, 3 * round);
  }
  ASSERT_TRUE(near->compare_swap(at(region, 8), 30, 1000, {.remote_completion = true}));
  EXPECT_EQ(await_completion().value, 30U);
  ASSERT_TRUE(near->compare_swap(at(region, 8), 30, 2000, {.remote_completion = true}));
  EXPECT_EQ(await_completion().value, 1000U);
  EXPECT_EQ(word(8), 1000U);
}

TEST_P(RemoteTest, SendsAMessageThatTheNiFetchesItself) {
  const Region source = keep(own);
  for (std::size_t at = 0; at < own.size(); ++at) own[at] = pattern(at);
  ASSERT_TRUE(near->send_slice(far->address(), slice_of(source, 10, 20'000),
                               {.ticket = 3,
                                .local_completion = true,
                                .remote_completion = true,
                                .notify = true,
                                .type_id = 4,
                                .user_data = 5}));
  const Received message = far->receive(in(kPatience));
  ASSERT_TRUE(message);
  EXPECT_EQ(message->info.type_id, 4U);
  EXPECT_EQ(message->info.user_data, 5U);
  ASSERT_EQ(message->payload.size(), 20'000U);
  EXPECT_EQ(std::memcmp(message->payload.data(), own.data() + 10, 20'000), 0);
  EXPECT_EQ(await_completion().scope, CompletionScope::local);
  EXPECT_EQ(await_completion().scope, CompletionScope::remote);
}

// The four kinds of bad input: each refused with its own fault, the target's memory as it was.
class RefusedTest : public RemoteTest {
 protected:
  void expect_refused(const RemoteAddress& to, std::uint32_t size, Fault fault) {
    const Region source = keep(own);
    ASSERT_TRUE(near->put(to, slice_of(source, 0, size), {.remote_completion = true}));
    Completion completion = await_completion();
    EXPECT_EQ(completion.status, CompletionStatus::refused);
    EXPECT_EQ(static_cast<Fault>(completion.reason), fault);
    const auto quiet = near->quiet(in(kPatience));
    ASSERT_FALSE(quiet);
    EXPECT_EQ(quiet.error().kind, Error::Kind::invalid);
    EXPECT_NE(quiet.error().what.find(name_of(fault)), std::string::npos) << quiet.error().what;
    EXPECT_TRUE(is_untouched());
    EXPECT_TRUE(near->quiet(in(kPatience))) << "told once";
  }
};

TEST_P(RefusedTest, AKeyOfTheWrongGeneration) {
  RemoteAddress stale;
  {
    const Region old = expose();
    stale = at(old);
  }
  const Region again = expose();
  expect_refused(stale, 8, Fault::stale_key);
}

TEST_P(RefusedTest, AnAddressOneByteBeyondItsRegion) {
  const Region region = expose();
  expect_refused(at(region, memory.size() - 7), 8, Fault::out_of_bounds);
  expect_refused({far->address(), region.key(), region.virtual_address() - 1}, 8,
                 Fault::out_of_bounds);
  // Of many packets, the first ones would fit.
  expect_refused(at(region, 1), static_cast<std::uint32_t>(memory.size()), Fault::out_of_bounds);
}

TEST_P(RefusedTest, RightsThatWereNotGiven) {
  const Region readable = expose(Rights::remote_read);
  expect_refused(at(readable), 8, Fault::not_permitted);
  expect_refused(at(readable), 100'000, Fault::not_permitted);
  ASSERT_TRUE(near->fetch_add(at(readable), 1, {.remote_completion = true}));
  EXPECT_EQ(static_cast<Fault>(await_completion().reason), Fault::not_permitted);
  EXPECT_FALSE(near->quiet(in(kPatience)));
  const Region writable = expose(Rights::remote_write);
  const Region sink = keep(own);
  ASSERT_TRUE(near->get(slice_of(sink, 0, 8), at(writable), {.remote_completion = true}));
  EXPECT_EQ(static_cast<Fault>(await_completion().reason), Fault::not_permitted);
  EXPECT_EQ(own[0], std::byte{0});
  EXPECT_FALSE(near->quiet(in(kPatience)));
  EXPECT_TRUE(is_untouched());
}

TEST_P(RefusedTest, ASignalBeyondItsRegion) {
  const Region region = expose();
  const std::uint64_t data = 1;
  ASSERT_TRUE(
      near->put_signal(at(region), std::as_bytes(std::span(&data, 1)),
                       {.virtual_address = region.virtual_address() + memory.size(), .value = 1}));
  EXPECT_FALSE(near->quiet(in(kPatience)));
  EXPECT_TRUE(is_untouched());
}

TEST_P(RefusedTest, ADescriptorWithReservedBits) {
  const Region region = expose();
  WorkRequest request{.opcode = Opcode::fetch_add,
                      .target = far->address(),
                      .remote_key = region.key(),
                      .length = 8,
                      .remote_virtual_address = region.virtual_address(),
                      .operand = 1};
  request.reserved_at_36 = 1;
  EXPECT_EQ(near->post(request).why(), Error::Kind::invalid);
  request.reserved_at_36 = 0;
  request.remote_virtual_address += 1;
  EXPECT_EQ(near->post(request).why(), Error::Kind::invalid) << "misaligned";
  request.opcode = Opcode::put;
  request.operand = 0;
  EXPECT_EQ(near->post(request, bytes("seven..")).why(), Error::Kind::invalid) << "7 of 8 bytes";
  EXPECT_TRUE(near->quiet(in(kPatience)));
  EXPECT_TRUE(is_untouched());
}

TEST_P(RefusedTest, ASourceThatIsNotOnesOwn) {
  const Region region = expose();
  const Region shared = keep(own, Rights::remote_read);  // not for one's own requests
  ASSERT_TRUE(near->put(at(region), slice_of(shared, 0, 64), {.remote_completion = true}));
  EXPECT_EQ(static_cast<Fault>(await_completion().reason), Fault::not_permitted);
  EXPECT_FALSE(near->quiet(in(kPatience)));
  EXPECT_TRUE(is_untouched());
}

TEST_P(RemoteTest, RefusesWhatIsTooLongToBeComposed) {
  const Region region = expose();
  EXPECT_EQ(near->put(at(region), std::span(own).first(Endpoint::kMaxComposed + 1)).why(),
            Error::Kind::message_too_large);
}

TEST_P(RemoteTest, BoundsWhatIsUnderWayAndLosesNoneOfIt) {
  const Region region = expose();
  const std::uint64_t zero = 0;
  std::memcpy(memory.data(), &zero, sizeof zero);
  std::uint64_t posted = 0;
  const Deadline until = in(kPatience);
  while (posted < 5000 && !has_passed(until)) {
    const Sent sent = near->fetch_add(at(region), 1);
    if (sent) {
      ++posted;
    } else {
      ASSERT_EQ(sent.why(), Error::Kind::would_block);
      std::this_thread::yield();
    }
  }
  ASSERT_TRUE(near->quiet(until));
  EXPECT_EQ(word(0), 5000U);
}

TEST_P(RemoteTest, AnswersWouldBlockUntilCompletionsArePolled) {
  const Region region = expose();
  const Deadline until = in(kPatience);
  int posted = 0;
  while (!has_passed(until)) {
    if (near->put(at(region), bytes("x"), {.local_completion = true, .remote_completion = true})) {
      ++posted;
    } else if (near->quiet(until) &&
               !near->put(at(region), bytes("x"), {.remote_completion = true})) {
      break;
    } else {
      ++posted;
    }
  }
  int polled = 0;
  while (near->poll_completion()) ++polled;
  EXPECT_EQ(polled, 128);
  EXPECT_TRUE(near->put(at(region), bytes("x"), {.remote_completion = true}));
  EXPECT_TRUE(near->quiet(until));
}

// The short one stands behind the fence until the long one is done.
TEST_P(RemoteTest, FencesAShortPutBehindALongOne) {
  const Region region = expose();
  const Region source = keep(own);
  for (int round = 0; round < 20; ++round) {
    std::fill(own.begin(), own.end(), static_cast<std::byte>(round + 1));
    ASSERT_TRUE(near->put(at(region), slice_of(source, 0, 150'000)));
    ASSERT_TRUE(near->put(at(region, 149'999), bytes("!"), {.fence = true}));
    ASSERT_TRUE(near->quiet(in(kPatience)));
    EXPECT_EQ(memory[149'999], static_cast<std::byte>('!'));
    EXPECT_EQ(memory[149'998], static_cast<std::byte>(round + 1));
  }
}

// How often each byte is copied on its way: the proof that nothing lies between the sender's memory
// and the final place but a link's staging, and the send buffer for what is composed.
TEST_P(RemoteTest, CopiesEachByteOnceBetweenSliceAndRegion) {
  const Region region = expose();
  const Region source = keep(own);
  ASSERT_TRUE(near->put(at(region), slice_of(source, 0, 65'536)));
  ASSERT_TRUE(near->quiet(in(kPatience)));
  EXPECT_EQ(target_interface().placed_bytes(), 65'536U);
  EXPECT_EQ(near->counters().composed_bytes, 0U);
  EXPECT_EQ(near->counters().staged_bytes, GetParam() == Where::across_a_link ? 65'536U : 0U);

  ASSERT_TRUE(near->put(at(region), std::span(own).first(100)));
  ASSERT_TRUE(near->quiet(in(kPatience)));
  EXPECT_EQ(target_interface().placed_bytes(), 65'636U);
  EXPECT_EQ(near->counters().composed_bytes, GetParam() == Where::in_the_call ? 0U : 100U);
}

// A region that is taken away ends the transfer from it; what is at the target stays whole segments.
TEST_P(RemoteTest, RefusesASliceWhoseRegionIsTakenAwayMeanwhile) {
  const Region region = expose();
  std::optional<Region> source(keep(own));
  ASSERT_TRUE(near->put(at(region), slice_of(*source, 0, 200'000)));
  source.reset();
  const auto quiet = near->quiet(in(kPatience));  // it may have been done already
  if (!quiet) {
    EXPECT_EQ(quiet.error().kind, Error::Kind::invalid) << quiet.error().what;
  }
  ASSERT_TRUE(near->put(at(region), bytes("on"), {.remote_completion = true}));
  EXPECT_EQ(await_completion().status, CompletionStatus::done);
}

TEST(Fetching, RefusesOptionsThatMakeNoSense) {
  auto interface = Interface::start();
  ASSERT_TRUE(interface);
  for (const FetchingOptions& wrong :
       {FetchingOptions{.staging = Bytes(0)}, FetchingOptions{.staging = Bytes(20'000)},
        FetchingOptions{.start_threshold = Bytes(100'000)},
        FetchingOptions{.outstanding_reads = 65}}) {
    const auto endpoint = interface->open_endpoint({.fetching = wrong});
    ASSERT_FALSE(endpoint);
    EXPECT_EQ(endpoint.error().kind, Error::Kind::invalid);
    EXPECT_NE(endpoint.error().what.find("accepted: "), std::string::npos);
  }
}

// A slow link, a long transfer that fills staging and link, and short messages that get through.
TEST(Fetching, LetsShortMessagesThroughWhileALinkIsFullOfALongTransfer) {
  std::vector<std::byte> memory(1'000'000);
  std::vector<std::byte> own(1'000'000, std::byte{7});
  auto interface = Interface::start(
      {.link =
           LinkOptions{.gigabits_per_second = 1, .credit = Bytes(40'000), .packet_credit = 64}});
  ASSERT_TRUE(interface) << interface.error().what;
  auto near =
      interface->open_endpoint({.fetching = {.staging = 32 * kKiB, .start_threshold = 32 * kKiB}});
  auto far = interface->open_endpoint();
  const auto target = interface->register_region(memory, kAll);
  const auto source = interface->register_region(own, kAll);
  ASSERT_TRUE(near && far && target && source);
  const Deadline until = in(kPatience);
  ASSERT_TRUE(near->put({far->address(), target->key(), target->virtual_address()},
                        slice_of(*source, 0, 1'000'000)));
  for (std::uint32_t number = 0; number < 20; ++number) {
    while (!near->send(far->address(), {}, {.type_id = number}) && !has_passed(until)) {
      std::this_thread::yield();
    }
    const Received message = far->receive(until);
    ASSERT_TRUE(message);
    EXPECT_EQ(message->info.type_id, number);
  }
  ASSERT_TRUE(near->quiet(until));
  EXPECT_EQ(memory, own);
  EXPECT_EQ(near->counters().staged_bytes, 1'000'000U);
}

// One slot a class: a short message gets through beside a bulk transfer that is under way.
TEST_P(RemoteTest, LetsMessagesPassALongTransfer) {
  const Region region = expose();
  const Region source = keep(own);
  for (int round = 0; round < 50; ++round) {
    ASSERT_TRUE(near->put(at(region), slice_of(source, 0, 200'000)));
    const Deadline until = in(kPatience);
    while (!near->send(far->address(), bytes("short")) && !has_passed(until)) {
      std::this_thread::yield();
    }
    EXPECT_EQ(text_of(*far->receive(until)), "short");
    ASSERT_TRUE(near->quiet(until));
  }
}

TEST_P(RemoteTest, ComposesAMessageInPlace) {
  const Deadline until = in(kPatience);
  for (std::uint32_t round = 0; round < 300; ++round) {
    auto room = near->compose(100);
    while (!room && !has_passed(until)) room = near->compose(100);
    ASSERT_TRUE(room);
    if (round % 5 == 0) {
      near->drop_composed();
      continue;
    }
    std::memset(room->data(), static_cast<int>(round), room->size());
    Sent sent = Error::Kind::would_block;
    while (!sent && !has_passed(until)) {
      sent = near->send_composed(far->address(), round % 100, {.type_id = round});
    }
    ASSERT_TRUE(sent);
    const Received message = far->receive(until);
    ASSERT_TRUE(message);
    EXPECT_EQ(message->info.type_id, round);
    ASSERT_EQ(message->payload.size(), round % 100);
    for (const std::byte each : message->payload) EXPECT_EQ(each, static_cast<std::byte>(round));
  }
}

constexpr auto kName = [](const auto& where) {
  constexpr std::string_view kNames[] = {"Dedicated", "InTheCall", "AcrossAFabric", "AcrossALink"};
  return std::string(kNames[static_cast<int>(where.param)]);
};

INSTANTIATE_TEST_SUITE_P(Places, RemoteTest,
                         testing::Values(Where::dedicated, Where::in_the_call,
                                         Where::across_a_fabric, Where::across_a_link),
                         kName);
INSTANTIATE_TEST_SUITE_P(Places, RefusedTest,
                         testing::Values(Where::dedicated, Where::in_the_call,
                                         Where::across_a_fabric, Where::across_a_link),
                         kName);

}  // namespace
}  // namespace smtni::ni
