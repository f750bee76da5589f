#include "experiments/compare_loss.h"

#include <algorithm>
#include <utility>

namespace smtni::experiments {
namespace {

struct Window {
  double cycles;
  double advances;
};

Window window_between(const WorkMark& from, const WorkMark& to) {
  return {static_cast<double>((to.time - from.time).count()),
          static_cast<double>(to.advances - from.advances)};
}

}  // namespace

std::vector<double> losses_of(const std::vector<WorkMark>& marks,
                              const std::vector<std::uint64_t>& sent, TscCycles late_most) {
  std::vector<double> losses;
  for (std::size_t first = 0; first + 2 < marks.size(); first += 2) {
    const bool is_whole = std::all_of(marks.begin() + static_cast<std::ptrdiff_t>(first),
                                      marks.begin() + static_cast<std::ptrdiff_t>(first + 3),
                                      [&](const WorkMark& mark) { return mark.late <= late_most; });
    if (!is_whole) continue;
    std::size_t notified = first;
    std::size_t silent = first + 1;
    if (!Windows::notifies(notified)) std::swap(notified, silent);
    const Window with = window_between(marks[notified], marks[notified + 1]);
    const Window without = window_between(marks[silent], marks[silent + 1]);
    if (sent[notified] == 0 || without.advances <= 0) continue;
    // The work of the notified window, at the silent window's pace, would have taken this long.
    const double worked = with.advances * without.cycles / without.advances;
    losses.push_back((with.cycles - worked) / static_cast<double>(sent[notified]));
  }
  return losses;
}

}  // namespace smtni::experiments
