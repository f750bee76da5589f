#include "threads/fault.h"

#include <atomic>
#include <cstdio>

namespace smtni::threads {
namespace {

constinit std::atomic<std::uint64_t> reported{0};

}  // namespace

void report_exception(std::string_view name, std::string_view what) noexcept {
  std::fprintf(stderr, "smtni: handler '%.*s' threw: %.*s\n", static_cast<int>(name.size()),
               name.data(), static_cast<int>(what.size()), what.data());
  reported.fetch_add(1, std::memory_order_relaxed);  // a count, which orders nothing
}

std::uint64_t exceptions_reported() noexcept { return reported.load(std::memory_order_relaxed); }

}  // namespace smtni::threads
