// Two threads talk through a network interface that is a third.
#include <cstdio>
#include <span>
#include <string_view>
#include <thread>

#include "ni/interface.h"

using namespace std::chrono_literals;

int main() {
  auto interface = smtni::ni::Interface::start();
  if (!interface) return std::puts(interface.error().what.c_str()), 1;
  auto inbox = interface->open_endpoint({.notify = "lock-table/park"});
  auto outbox = interface->open_endpoint();
  if (!inbox || !outbox) return std::puts("an endpoint did not open"), 1;

  const std::string_view text = "first light";
  std::thread sender([&] {
    while (!outbox->send(inbox->address(), std::as_bytes(std::span(text)), {.type_id = 7})) {
      std::this_thread::yield();  // no room: nothing happened, and nothing is lost
    }
  });
  int received = 0;
  // A view into the message cache, given back at the end of its scope.
  if (const auto message = inbox->receive(smtni::in(10s))) {
    std::printf("type %u, %zu bytes\n", message->info.type_id, message->payload.size());
    ++received;
  }
  sender.join();

  // Or compute, and branch to a handler when a message comes.
  const auto armed = inbox->on_message([&](const smtni::Message&) { ++received; },
                                       {.mechanism = "async-branch/safepoint"});
  if (!armed) return std::puts(armed.error().what.c_str()), 1;
  if (!outbox->send(inbox->address(), std::as_bytes(std::span(text)))) return 1;
  const auto patience = smtni::in(10s);
  while (received < 2 && !smtni::has_passed(patience)) inbox->safepoint();
  std::printf("%d messages\n", received);
  return received == 2 ? 0 : 1;
}
