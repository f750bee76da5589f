#include "experiments/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace smtni::experiments {
namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr seconds kPatience{2};

bool stderr_is_terminal() { return ::isatty(STDERR_FILENO) == 1; }

}  // namespace

Progress::Progress(Options options)
    : draws_(options.wanted && stderr_is_terminal()), start_(steady_clock::now()) {}

void Progress::begin(std::uint64_t steps) {
  steps_ = std::max<std::uint64_t>(steps, 1);
  done_ = 0;
  start_ = steady_clock::now();
}

void Progress::step(std::string_view what) {
  const double share = std::min(static_cast<double>(done_) / static_cast<double>(steps_), 1.0);
  ++done_;
  const auto passed = steady_clock::now() - start_;
  if (!draws_ || passed < kPatience || share <= 0) return;
  const auto left = std::chrono::duration_cast<seconds>(passed * ((1 - share) / share));
  std::fprintf(stderr, "\r\x1b[K%s", progress_line(share, left, what).c_str());
  is_drawn_ = true;
}

void Progress::clear() {
  if (is_drawn_) std::fputs("\r\x1b[K", stderr);
  is_drawn_ = false;
}

std::string progress_line(double share, seconds left, std::string_view what) {
  constexpr int kWidth = 20;
  const int full = std::clamp(static_cast<int>(share * kWidth), 0, kWidth);
  const int percent = std::clamp(static_cast<int>(share * 100), 0, 100);
  std::string line = "[";
  line.append(static_cast<std::size_t>(full), '#');
  line.append(static_cast<std::size_t>(kWidth - full), '.');
  char numbers[64];
  std::snprintf(numbers, sizeof numbers, "] %3d %%  %lld s left  ", percent,
                static_cast<long long>(left.count()));
  line += numbers;
  return line.append(what);
}

}  // namespace smtni::experiments
