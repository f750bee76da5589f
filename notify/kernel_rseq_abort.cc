#include "notify/kernel_rseq_abort.h"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <string>

#if defined(__x86_64__) && __has_include(<sys/rseq.h>)
#include <sys/rseq.h>
#define SMTNI_HAS_RSEQ
#endif

namespace smtni::notify {

#ifdef SMTNI_HAS_RSEQ

namespace {

// The calling thread's, where glibc has registered it with the kernel.
struct rseq& rseq_area() noexcept {
  std::uintptr_t thread_pointer = 0;
  asm("movq %%fs:0, %0" : "=r"(thread_pointer));
  return *reinterpret_cast<struct rseq*>(thread_pointer +
                                         static_cast<std::uintptr_t>(__rseq_offset));
}

// One advance of a chain from `value`, in a restartable sequence. False: aborted, or `pending` was
// not 0 at the start; `value` is meaningless then.
//
// 1 descriptor, 2 start, 3 end, 4 abort, 5 join. The last instruction of the sequence commits, by
// `done`; before the abort address the kernel wants its signature, in the clothes of an
// instruction.
[[gnu::noinline]] bool advance(const std::atomic<std::uint64_t>& pending,
                               std::uint64_t& value) noexcept {
  struct rseq& area = rseq_area();
  std::uint64_t result = value;
  std::uint64_t descriptor = 0;
  std::uint32_t done = 0;
  asm volatile(
      ".pushsection __rseq_cs, \"aw\"\n\t"
      ".balign 32\n"
      "1:\n\t"
      ".long 0, 0\n\t"
      ".quad 2f, 3f - 2f, 4f\n\t"
      ".popsection\n\t"
      ".pushsection .text.unlikely, \"ax\"\n\t"
      ".byte 0x0f, 0xb9, 0x3d\n\t"
      ".long %c[signature]\n"
      "4:\n\t"
      "xorl %[done], %[done]\n\t"
      "jmp 5f\n\t"
      ".popsection\n\t"
      "xorl %[done], %[done]\n\t"
      "leaq 1b(%%rip), %[descriptor]\n\t"
      "movq %[descriptor], %[sequence]\n"
      "2:\n\t"
      "cmpq $0, %[pending]\n\t"
      "jne 5f\n\t"
      ".rept %c[steps]\n\t"
      "imulq %[multiplier], %[result]\n\t"
      "addq %[increment], %[result]\n\t"
      ".endr\n\t"
      "movl $1, %[done]\n"
      "3:\n"
      "5:\n\t"
      "movq $0, %[sequence]\n\t"
      : [result] "+&r"(result), [done] "=&r"(done), [descriptor] "=&r"(descriptor),
        [sequence] "+m"(area.rseq_cs)
      : [pending] "m"(pending), [multiplier] "r"(threads::Chain::kMultiplier),
        [increment] "r"(threads::Chain::kIncrement), [steps] "i"(threads::Chain::kSteps),
        [signature] "i"(RSEQ_SIG)
      : "memory", "cc");
  value = result;
  return done != 0;
}

int current_cpu() noexcept {
  return static_cast<int>(__atomic_load_n(&rseq_area().cpu_id, __ATOMIC_RELAXED));  // own thread
}

bool is_registered() noexcept { return __rseq_size != 0; }

}  // namespace

#else

namespace {

bool advance(const std::atomic<std::uint64_t>&, std::uint64_t&) noexcept { return false; }
int current_cpu() noexcept { return 0; }
bool is_registered() noexcept { return false; }

}  // namespace

#endif

Result<std::unique_ptr<RseqAbort>> RseqAbort::open(const Options& options) {
  if (!is_registered()) {
    return failure(Error::Kind::unsupported,
                   "this needs x86-64 and threads that glibc 2.35 or later has registered for "
                   "restartable sequences");
  }
  if (syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ, 0, 0) != 0) {
    return failure(Error::Kind::unsupported,
                   "membarrier: the kernel cannot abort restartable "
                   "sequences (Linux 5.10, CONFIG_RSEQ)");
  }
  return threads::Stack::create(options.stack, kInfo.name).map([](threads::Stack stack) {
    return std::unique_ptr<RseqAbort>(new RseqAbort(std::move(stack)));
  });
}

bool RseqAbort::notify(const void* /*record*/) noexcept {
  if (!state_.post_first()) return true;  // [armed]
  // seq_cst: not read before the exchange in post_first().
  const int cpu = cpu_.load(std::memory_order_seq_cst);
  if (cpu != kNobody) {
    syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, MEMBARRIER_CMD_FLAG_CPU, cpu);
  }
  return true;
}

Result<void> RseqAbort::arm(const Handler& handler) {
  last_cpu_ = current_cpu();
  // [armed] seq_cst: not written after the exchange in arm().
  cpu_.store(last_cpu_, std::memory_order_seq_cst);
  state_.arm(handler);
  return {};
}

void RseqAbort::disarm() noexcept {
  state_.disarm();
  last_cpu_ = kNobody;
  cpu_.store(kNobody,
             std::memory_order_relaxed);  // an interruption that comes all the same is idle
}

void RseqAbort::publish_cpu() noexcept {
  const int cpu = current_cpu();
  if (cpu == last_cpu_ || last_cpu_ == kNobody) return;
  last_cpu_ = cpu;
  cpu_.store(cpu, std::memory_order_relaxed);  // a hint
}

void RseqAbort::compute(threads::Chain& chain) noexcept {
  publish_cpu();
  std::uint64_t value = chain.value();
  // No bound: see the header.
  while (!advance(state_.line(), value)) {
    state_.poll();
    if (state_.is_pending() && !state_.is_open()) return chain.advance();  // held back
    value = chain.value();
  }
  chain.finish_advance(value);
}

}  // namespace smtni::notify
