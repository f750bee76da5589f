#include "notify/signal_blocked.h"

#include <poll.h>

namespace smtni::notify {

void SignalBlocked::sleep(Deadline until) noexcept {
  const timespec left = time_left(until);
  (void)ppoll(nullptr, 0, &left, &receiver_.mask_asleep());
  receiver_.take();
}

}  // namespace smtni::notify
