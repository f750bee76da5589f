// What one-sided operations do: put, get, put_signal, fetch_add, compare_swap, messages by DMA.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "tests/unit/remote_fixture.h"

namespace smtni::ni {
namespace {

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

// A region that is taken away ends the transfer from it; what is at the target stays whole
// segments.
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

INSTANTIATE_TEST_SUITE_P(Places, RemoteTest, every_place(), kPlaceName);

}  // namespace
}  // namespace smtni::ni
