// Two nodes of one process: the first puts bytes into the second's memory and signals, adds to a
// counter there, and sends an active message. No code of the second takes part but its handler.
#include <array>
#include <atomic>
#include <cstdio>
#include <span>
#include <string_view>

#include "ni/active_message.h"
#include "ni/fabric.h"
#include "ni/interface.h"

using namespace std::chrono_literals;
using smtni::ni::Rights;

namespace {

struct Board {
  std::array<char, 32> text{};
  std::atomic<std::uint64_t> is_there{0};
  std::uint64_t visits = 0;
};

int fail(std::string_view what) {
  std::printf("%.*s\n", static_cast<int>(what.size()), what.data());
  return 1;
}

}  // namespace

int main() {
  Board board;  // outlives the interface that it is registered with
  const auto fabric = smtni::ni::Fabric::create();
  if (!fabric) return fail(fabric.error().what);
  auto here = smtni::ni::Interface::start({.fabric = &*fabric});
  auto there = smtni::ni::Interface::start({.fabric = &*fabric});
  if (!here || !there) return fail((here ? there : here).error().what);
  auto origin = here->open_endpoint();
  auto target = there->open_endpoint();
  if (!origin || !target) return fail("an endpoint did not open");

  const auto region = there->register_region(std::as_writable_bytes(std::span(&board, 1)),
                                             Rights::remote_write | Rights::remote_atomic);
  if (!region) return fail(region.error().what);
  const auto at = [&](const void* place) {
    return smtni::ni::RemoteAddress{target->address(), region->key(),
                                    reinterpret_cast<std::uintptr_t>(place)};
  };

  const std::string_view text = "put, then signalled";
  if (!origin->put_signal(at(&board.text), std::as_bytes(std::span(text)),
                          {.virtual_address = at(&board.is_there).virtual_address, .value = 1}) ||
      !origin->fetch_add(at(&board.visits), 1) || !origin->quiet(smtni::in(10s))) {
    return fail("the target refused");
  }
  // A key, an address or a right that is wrong is told, and changes nothing.
  if (origin->put(at(&board + 1), std::as_bytes(std::span(text))) &&
      origin->quiet(smtni::in(10s))) {
    return fail("the target did not refuse");
  }
  if (board.is_there.load(std::memory_order_acquire) == 1) {
    std::printf("%s; visits: %llu\n", board.text.data(),
                static_cast<unsigned long long>(board.visits));
  }

  int handled = 0;
  smtni::ni::ActiveHandlers handlers([](smtni::ni::ActiveMessage&) {});
  if (!handlers.add(1, "greet", [&](smtni::ni::ActiveMessage& message) {
        ++handled;
        (void)message.reply(message->payload);
      })) {
    return fail("the table is full");
  }
  if (!origin->send(target->address(), std::as_bytes(std::span(text)), {.handler = 1})) return 1;
  (void)target->serve(handlers, smtni::in(10s));
  const auto reply = origin->receive(smtni::in(10s));
  std::printf("%d handled, %zu bytes back\n", handled, reply ? reply->payload.size() : 0);
  return handled == 1 && reply && board.visits == 1 ? 0 : 1;
}
