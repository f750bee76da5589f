// Mechanisms that start a context for each message.
#include "tests/contract/every_mechanism.h"

namespace smtni::notify::contract {
namespace {

constexpr bool spawns(const MechanismInfo& info) { return info.role == Role::spawns; }
using Mechanisms = MechanismsThat<spawns>;
INSTANTIATE_TYPED_TEST_SUITE_P(Spawns, EveryMechanism, Mechanisms, MechanismName);

}  // namespace
}  // namespace smtni::notify::contract
