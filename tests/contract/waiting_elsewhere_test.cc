// Mechanisms whose receiver looks at memory, or waits for a signal.
#include "tests/contract/waiting_mechanism.h"

namespace smtni::notify::contract {
namespace {

constexpr bool waits_elsewhere(const MechanismInfo& info) {
  return info.role == Role::waits && !info.name.starts_with("kernel/");
}
using Mechanisms = MechanismsThat<waits_elsewhere>;
INSTANTIATE_TYPED_TEST_SUITE_P(WaitsElsewhere, EveryMechanism, Mechanisms, MechanismName);
INSTANTIATE_TYPED_TEST_SUITE_P(WaitsElsewhere, WaitingMechanism, Mechanisms, MechanismName);

}  // namespace
}  // namespace smtni::notify::contract
