#include "notify/kernel_mqueue.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <string>

#include "notify/internal/readable.h"

namespace smtni::notify {
namespace {

// A name that no other process and no other thread uses between mq_open and mq_unlink.
std::string fresh_name() {
  static std::atomic<unsigned> serial{0};
  // relaxed: only distinct numbers are needed.
  return "/smtni." + std::to_string(getpid()) + "." +
         std::to_string(serial.fetch_add(1, std::memory_order_relaxed));
}

}  // namespace

Result<std::unique_ptr<Mqueue>> Mqueue::open(const Options&) {
  const std::string name = fresh_name();
  mq_attr shape{};
  shape.mq_maxmsg = 1;
  shape.mq_msgsize = 1;
  const mqd_t queue =
      mq_open(name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NONBLOCK | O_CLOEXEC, 0600, &shape);
  if (queue == static_cast<mqd_t>(-1)) {
    return failure(Error::Kind::unsupported, "mq_open of " + name + ": " + std::strerror(errno));
  }
  mq_unlink(name.c_str());
  return std::unique_ptr<Mqueue>(new Mqueue(queue));
}

Mqueue::~Mqueue() { mq_close(queue_); }

bool Mqueue::notify(const void* /*record*/) noexcept {
  const char byte = 1;
  // Fails only when the queue is full. It was so after the news was made visible, hence the
  // receiver looks once more after it has emptied it.
  (void)mq_send(queue_, &byte, 1, 0);
  return true;
}

void Mqueue::sleep(Deadline until) noexcept {
  // On Linux a message queue is a descriptor. mq_timedreceive() would measure the deadline on the
  // real-time clock, which can be set.
  if (!internal::sleep_until_readable(queue_, until)) return;
  char byte = 0;
  (void)mq_receive(queue_, &byte, 1, nullptr);
}

}  // namespace smtni::notify
