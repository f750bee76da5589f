// Mechanisms whose receiver blocks in a call of the kernel made for that.
#include "tests/contract/waiting_mechanism.h"

namespace smtni::notify::contract {
namespace {

constexpr bool waits_in_the_kernel(const MechanismInfo& info) {
  return info.role == Role::waits && info.name.starts_with("kernel/");
}
using Mechanisms = MechanismsThat<waits_in_the_kernel>;
INSTANTIATE_TYPED_TEST_SUITE_P(WaitsInTheKernel, EveryMechanism, Mechanisms, MechanismName);
INSTANTIATE_TYPED_TEST_SUITE_P(WaitsInTheKernel, WaitingMechanism, Mechanisms, MechanismName);

}  // namespace
}  // namespace smtni::notify::contract
