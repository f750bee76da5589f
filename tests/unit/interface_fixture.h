#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>

#include "ni/interface.h"

// An interface under test, with each drive.
namespace smtni::ni {

using namespace std::chrono_literals;

// Far beyond any honest delivery.
inline constexpr auto kPatience = 20s;

inline std::span<const std::byte> bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

inline std::string text_of(const Message& message) {
  return {reinterpret_cast<const char*>(message.payload.data()), message.payload.size()};
}

class InterfaceTest : public testing::TestWithParam<Drive> {
 protected:
  void SetUp() override {
    auto started = Interface::start({.drive = GetParam()});
    ASSERT_TRUE(started) << started.error().what;
    interface.emplace(*std::move(started));
  }

  Endpoint open(const EndpointOptions& options = {}) {
    auto endpoint = interface->open_endpoint(options);
    EXPECT_TRUE(endpoint) << endpoint.error().what;
    return *std::move(endpoint);
  }

  // Sends, and sends again while there is no room.
  static void send_patiently(Endpoint& from, Address to, std::span<const std::byte> payload,
                             const SendOptions& options = {}) {
    const Deadline until = in(kPatience);
    for (;;) {
      const Sent sent = from.send(to, payload, options);
      if (sent) return;
      ASSERT_EQ(sent.why(), Error::Kind::would_block);
      ASSERT_FALSE(has_passed(until));
      std::this_thread::yield();
    }
  }

  std::optional<Interface> interface;
};

}  // namespace smtni::ni
