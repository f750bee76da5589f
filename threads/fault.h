#pragma once

#include <cstdint>
#include <exception>
#include <string_view>

namespace smtni::threads {

/// Says "smtni: handler 'NAME' threw: WHAT" on standard error and counts it.
/// THREADS: any.
void report_exception(std::string_view name, std::string_view what) noexcept;

/// Exceptions reported in this process so far. THREADS: any.
[[nodiscard]] std::uint64_t exceptions_reported() noexcept;

/// Calls `run`; an exception that leaves it is reported with `name` and goes no further.
/// COST: that of the call, unless it throws.
template <class Run>
void run_guarded(std::string_view name, Run&& run) noexcept {
  try {
    run();
  } catch (const std::exception& exception) {
    report_exception(name, exception.what());
  } catch (...) {
    report_exception(name, "something that is not a std::exception");
  }
}

}  // namespace smtni::threads
