// What interfaces promise that are joined by a fabric.
#include "ni/fabric.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "tests/unit/interface_fixture.h"

namespace smtni::ni {
namespace {

class FabricTest : public testing::Test {
 protected:
  explicit FabricTest(Bytes buffer = 64 * kKiB) {
    auto created = Fabric::create({.buffer = buffer});
    EXPECT_TRUE(created) << created.error().what;
    fabric.emplace(*std::move(created));
  }

  Interface start() {
    auto started = Interface::start({.fabric = &*fabric});
    EXPECT_TRUE(started) << started.error().what;
    return *std::move(started);
  }

  static Endpoint open(Interface& interface, const EndpointOptions& options = {}) {
    auto endpoint = interface.open_endpoint(options);
    EXPECT_TRUE(endpoint) << endpoint.error().what;
    return *std::move(endpoint);
  }

  std::optional<Fabric> fabric;
};

TEST_F(FabricTest, RoutesByTheTargetsNode) {
  Interface first = start();
  Interface second = start();
  Endpoint near = open(first);
  Endpoint far = open(second);
  EXPECT_EQ(near.address().node(), 0);
  EXPECT_EQ(far.address().node(), 1);
  EXPECT_EQ(near.address().index(), far.address().index());

  for (int round = 0; round < 200; ++round) {
    const std::string text = std::to_string(round);
    ASSERT_TRUE(near.send(far.address(), bytes(text), {.type_id = 7}));
    {
      const Received request = far.receive(in(kPatience));
      ASSERT_TRUE(request);
      EXPECT_EQ(text_of(*request), text);
      EXPECT_EQ(request.origin(), near.address());
      ASSERT_TRUE(far.send(request.origin(), bytes(text + "!")));
    }
    const Received reply = near.receive(in(kPatience));
    ASSERT_TRUE(reply);
    EXPECT_EQ(text_of(*reply), text + "!");
    EXPECT_EQ(reply.origin(), far.address());
  }
}

TEST_F(FabricTest, DeliversWithinANodeToo) {
  Interface only = start();
  Endpoint self = open(only);
  ASSERT_TRUE(self.send(self.address(), bytes("here")));
  EXPECT_EQ(text_of(*self.receive(in(kPatience))), "here");
}

TEST_F(FabricTest, DeliversEveryMessageInOrderWhileNodesFillEachOther) {
  static constexpr std::uint32_t kMessages = 5'000;
  Interface first = start();
  Interface second = start();
  Endpoint near = open(first, {.message_cache = 4 * kKiB, .send_buffer = 4 * kKiB});
  Endpoint far = open(second, {.message_cache = 4 * kKiB, .send_buffer = 4 * kKiB});
  const auto play = [](Endpoint& self, Address peer) {
    const Deadline until = in(kPatience);
    std::vector<std::byte> payload(500);
    std::uint32_t sent = 0;
    std::uint32_t received = 0;
    while ((sent < kMessages || received < kMessages) && !has_passed(until)) {
      if (sent < kMessages &&
          self.send(peer, std::span(payload).first(sent % payload.size()), {.type_id = sent})) {
        ++sent;
      }
      if (const Received message = self.try_receive()) {
        ASSERT_EQ(message->info.type_id, received);
        ASSERT_EQ(message->payload.size(), received % payload.size());
        ++received;
      } else {
        std::this_thread::yield();
      }
    }
    EXPECT_EQ(received, kMessages);
  };
  std::thread other([&] { play(far, near.address()); });
  play(near, far.address());
  other.join();
}

TEST_F(FabricTest, HoldsTheSenderBackWhenTheTargetOnAnotherNodeIsFull) {
  Interface first = start();
  Interface second = start();
  Endpoint near = open(first, {.send_buffer = 4 * kKiB});
  Endpoint far = open(second, {.message_cache = 4 * kKiB});
  const std::vector<std::byte> payload(1000);
  const Deadline until = in(kPatience);
  std::uint32_t sent = 0;
  // 64 KiB on the lane and the caches hold less than 100 such messages.
  for (Deadline filled = in(50ms); !has_passed(filled) && !has_passed(until);) {
    if (near.send(far.address(), payload, {.type_id = sent})) ++sent;
  }
  EXPECT_LT(sent, 100U);
  EXPECT_EQ(near.send(far.address(), payload).why(), Error::Kind::would_block);
  for (std::uint32_t received = 0; received < sent; ++received) {
    const Received message = far.receive(in(kPatience));
    ASSERT_TRUE(message);
    EXPECT_EQ(message->info.type_id, received);
  }
}

TEST_F(FabricTest, KnowsTheCapacityOfATargetOnAnotherNode) {
  Interface first = start();
  Interface second = start();
  Endpoint near = open(first);
  Endpoint far = open(second, {.message_cache = Bytes(1024)});
  EXPECT_EQ(near.send(far.address(), std::vector<std::byte>(900)).why(),
            Error::Kind::message_too_large);
}

TEST_F(FabricTest, AnswersClosedWhenTheNodeHasGone) {
  Interface first = start();
  Endpoint near = open(first);
  Address far;
  {
    Interface second = start();
    far = open(second).address();
    Endpoint closed = open(second);
    far = closed.address();
  }
  EXPECT_EQ(near.send(far, bytes("x")).why(), Error::Kind::closed);
  EXPECT_EQ(near.send(Address({.index = 0, .generation = 1, .node = 9}), bytes("x")).why(),
            Error::Kind::closed);
}

TEST_F(FabricTest, RefusesAnInterfaceWithoutAnNiThread) {
  const auto started = Interface::start({.drive = Drive::in_the_call, .fabric = &*fabric});
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().kind, Error::Kind::invalid);
}

TEST_F(FabricTest, HasAsManyNodesAsItPromisesAndNoMore) {
  for (unsigned node = 0; node < Fabric::kMaxNodes; ++node) {
    ASSERT_TRUE(Interface::start({.fabric = &*fabric})) << node;
  }
  const auto started = Interface::start({.fabric = &*fabric});
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().kind, Error::Kind::would_block);
}

TEST(Fabric, RefusesABufferThatMakesNoSense) {
  const auto fabric = Fabric::create({.buffer = Bytes(1)});
  ASSERT_FALSE(fabric);
  EXPECT_EQ(fabric.error().kind, Error::Kind::invalid);
}

}  // namespace
}  // namespace smtni::ni
