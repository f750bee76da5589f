#include "notify/async_branch_safepoint.h"

#include <utility>

namespace smtni::notify {

Result<std::unique_ptr<Safepoint>> Safepoint::open(const Options& options) {
  return threads::Stack::create(options.stack, kInfo.name).map([](threads::Stack stack) {
    return std::unique_ptr<Safepoint>(new Safepoint(std::move(stack)));
  });
}

Result<void> Safepoint::arm(const Handler& handler) {
  state_.arm(handler);
  return {};
}

}  // namespace smtni::notify
