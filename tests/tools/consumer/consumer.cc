// One message from one endpoint to another, as a user of the installed library writes it.
#include <array>
#include <chrono>
#include <cstdio>

#include "ni/interface.h"

int main() {
  using namespace smtni;
  auto interface = ni::Interface::start({.drive = ni::Drive::in_the_call});
  if (!interface) return std::puts(interface.error().what.c_str()), 1;
  auto inbox = interface->open_endpoint();
  auto outbox = interface->open_endpoint();
  if (!inbox || !outbox) return std::puts("an endpoint did not open"), 1;

  const std::array payload{std::byte{4}, std::byte{2}};
  if (!outbox->send(inbox->address(), payload, {.type_id = 7})) return std::puts("not sent"), 1;
  const auto message = inbox->receive(in(std::chrono::seconds(30)));
  return message && message->info.type_id == 7 ? 0 : 1;
}
