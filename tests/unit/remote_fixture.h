#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "ni/fabric.h"
#include "ni/remote.h"
#include "tests/unit/interface_fixture.h"

// One-sided operations under test: with both drives, between two nodes, and over a link.
namespace smtni::ni {

inline constexpr Rights kAll =
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

inline constexpr auto kPlaceName = [](const auto& where) {
  constexpr std::string_view kNames[] = {"Dedicated", "InTheCall", "AcrossAFabric", "AcrossALink"};
  return std::string(kNames[static_cast<int>(where.param)]);
};

inline auto every_place() {
  return testing::Values(Where::dedicated, Where::in_the_call, Where::across_a_fabric,
                         Where::across_a_link);
}

}  // namespace smtni::ni
