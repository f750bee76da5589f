#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace smtni::experiments {

/// The bar on standard error: what is running, how far, and the time left. It is drawn only on a
/// terminal and only once two seconds have passed, so that pipes, tests and short runs see nothing.
///
/// THREADS: one.
class Progress {
 public:
  /// Draws only when `wanted` and standard error is a terminal.
  struct Options {
    bool wanted = true;
  };
  explicit Progress(Options options);
  ~Progress() { clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// Says how many steps there will be; those done so far are forgotten.
  void begin(std::uint64_t steps);

  /// One step, of `what`, is about to be done.
  /// COST: at most one write to the terminal.
  void step(std::string_view what);

  /// Removes the bar from the terminal.
  void clear();

 private:
  bool draws_;
  bool is_drawn_ = false;
  std::uint64_t steps_ = 1;
  std::uint64_t done_ = 0;
  std::chrono::steady_clock::time_point start_;
};

/// The bar's text: "[#####.....]  50 %  12 s left  poll/spin". `share` lies between 0 and 1.
[[nodiscard]] std::string progress_line(double share, std::chrono::seconds left,
                                        std::string_view what);

}  // namespace smtni::experiments
