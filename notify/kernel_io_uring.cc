#include "notify/kernel_io_uring.h"

#include <liburing.h>
#include <sched.h>

#include <cerrno>
#include <cstring>
#include <string>

namespace smtni::notify {
namespace {

constexpr unsigned kEntries = 8;  // one completion is under way at a time
// A refusal is a shortage of kernel memory: it passes, or the machine is beyond help.
constexpr int kAttempts = 1000;

/// Owns one io_uring.
class Ring {
 public:
  Ring() noexcept = default;
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;
  ~Ring() {
    if (is_open_) io_uring_queue_exit(&ring_);
  }

  Result<void> open() {
    const int status = io_uring_queue_init(kEntries, &ring_, 0);
    if (status != 0) {
      return failure(Error::Kind::unsupported,
                     std::string("io_uring_setup: ") + std::strerror(-status));
    }
    is_open_ = true;
    return {};
  }

  [[nodiscard]] io_uring* get() noexcept { return &ring_; }

 private:
  io_uring ring_{};
  bool is_open_ = false;
};

// Posts one completion to `target`; 0 or a negative error number.
int message(io_uring* from, io_uring* target) noexcept {
  io_uring_sqe* request = io_uring_get_sqe(from);
  if (request == nullptr) return -EBUSY;
  io_uring_prep_msg_ring(request, target->ring_fd, 0, 0, 0);
  io_uring_cqe* done = nullptr;
  const int submitted = io_uring_submit_and_wait(from, 1);
  if (submitted < 0) return submitted;
  const int status = io_uring_peek_cqe(from, &done);
  if (status != 0) return status;
  const int result = done->res;
  io_uring_cqe_seen(from, done);
  return result;
}

void take_all(io_uring* ring) noexcept { io_uring_cq_advance(ring, io_uring_cq_ready(ring)); }

}  // namespace

struct IoUring::Rings {
  Ring receiver;
  Ring notifier;
};

IoUring::IoUring(std::unique_ptr<Rings> rings) noexcept : rings_(std::move(rings)) {}
IoUring::~IoUring() = default;

Result<std::unique_ptr<IoUring>> IoUring::open(const Options&) {
  auto rings = std::make_unique<Rings>();
  for (Ring* ring : {&rings->receiver, &rings->notifier}) {
    if (auto opened = ring->open(); !opened) return tl::unexpected(opened.error());
  }
  const int status = message(rings->notifier.get(), rings->receiver.get());
  if (status < 0) {
    return failure(Error::Kind::unsupported,
                   std::string("IORING_OP_MSG_RING: ") + std::strerror(-status));
  }
  take_all(rings->receiver.get());
  return std::unique_ptr<IoUring>(new IoUring(std::move(rings)));
}

void IoUring::post() noexcept {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    if (message(rings_->notifier.get(), rings_->receiver.get()) >= 0) return;
    sched_yield();
  }
}

void IoUring::sleep(Deadline until) noexcept {
  const timespec left = time_left(until);
  __kernel_timespec span{left.tv_sec, left.tv_nsec};
  io_uring_cqe* completion = nullptr;
  if (io_uring_wait_cqe_timeout(rings_->receiver.get(), &completion, &span) == 0) {
    take_all(rings_->receiver.get());
  }
}

}  // namespace smtni::notify
