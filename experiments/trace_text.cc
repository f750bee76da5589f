#include <algorithm>
#include <cmath>
#include <cstdio>

#include "experiments/trace.h"

namespace smtni::experiments {
namespace {

// Columns of bars; what stands before them takes 58.
constexpr int kBar = 42;
constexpr int kOverviewBar = 60;

std::string_view colour_of(Actor actor) {
  switch (actor) {
    case Actor::sender:
      return "\x1b[34m";
    case Actor::ni:
      return "\x1b[33m";
    case Actor::wire:
      return "\x1b[36m";
    case Actor::system_of_ni:
    case Actor::system_of_receiver:
      return "\x1b[31m";
    case Actor::receiver:
      return "\x1b[32m";
  }
  return "";
}

std::string painted(const std::string& text, std::string_view colour, TraceStyle style) {
  if (!style.colour || text.empty()) return text;
  return std::string(colour) + text + "\x1b[0m";
}

std::string rounded(double ns) {
  char text[32];
  std::snprintf(text, sizeof text, "%.0f", ns);
  return text;
}

std::string padded(std::string_view text, int width) {
  std::string cell(text);
  if (const auto size = static_cast<std::size_t>(width); cell.size() < size) cell.resize(size, ' ');
  return cell;
}

std::string to_the_right(std::string_view text, int width) {
  const auto size = static_cast<std::size_t>(width);
  return std::string(text.size() < size ? size - text.size() : 0, ' ') + std::string(text);
}

std::string repeated(std::string_view what, int times) {
  std::string text;
  for (int i = 0; i < times; ++i) text += what;
  return text;
}

// A sliver where less than half a column is to be shown.
std::string bar_of(const StageTime& time, double ns_per_column) {
  const int from = std::min(static_cast<int>(time.start_ns / ns_per_column), kBar - 1);
  const int to = std::min(static_cast<int>(std::lround(time.end_ns() / ns_per_column)), kBar);
  return std::string(static_cast<std::size_t>(from), ' ') +
         (to <= from ? std::string("▏") : repeated("█", to - from));
}

std::string line_of(const StageTime& time, double ns_per_column, TraceStyle style) {
  const bool is_there = time.absent.empty();
  const auto figure = [&](double ns, int width) {
    return to_the_right(is_there ? rounded(ns) : "-", width);
  };
  std::string line = padded(name_of(time.stage), 10) + padded(short_name_of(time.actor), 9) +
                     to_the_right(is_there ? std::to_string(time.cpu) : "-", 3) +
                     figure(time.start_ns, 9) + figure(time.duration_ns, 8) +
                     figure(time.all_ns.p50, 8) + figure(time.all_ns.p99, 9) + "  ";
  if (is_there) return line + painted(bar_of(time, ns_per_column), colour_of(time.actor), style);
  return line + painted(time.absent, "\x1b[2m", style);
}

bool is_in_the_system(const Timeline& timeline, double at_ns) {
  return std::any_of(timeline.stages.begin(), timeline.stages.end(), [&](const StageTime& time) {
    return time.absent.empty() && is_system(time.actor) && at_ns >= time.start_ns &&
           at_ns < time.end_ns();
  });
}

}  // namespace

std::string_view short_name_of(Actor actor) noexcept {
  constexpr std::array<std::string_view, kActors> kNames = {"sender", "NI", "wire",
                                                            "OS",     "OS", "receiver"};
  return kNames[static_cast<std::size_t>(actor)];
}

std::string_view long_name_of(Actor actor) noexcept {
  constexpr std::array<std::string_view, kActors> kNames = {
      "sender",  "NI", "wire", "operating system, NI's side", "operating system, receiver's side",
      "receiver"};
  return kNames[static_cast<std::size_t>(actor)];
}

std::string_view key_of(Actor actor) noexcept {
  constexpr std::array<std::string_view, kActors> kKeys = {"sender", "ni", "wire",
                                                           "os",     "os", "receiver"};
  return kKeys[static_cast<std::size_t>(actor)];
}

std::string to_trace_text(const Timeline& timeline, TraceStyle style) {
  const double ns_per_column = std::max(timeline.total_ns, 1.0) / kBar;
  const std::string title = timeline.mechanism + ", " + timeline.placement + ", NI " + timeline.ni;
  std::string text =
      painted(title, "\x1b[1m", style) + "\n" + "a message of " + rounded(timeline.total_ns) +
      " ns, the median of " + std::to_string(timeline.total_all_ns.count) + " (p99 " +
      rounded(timeline.total_all_ns.p99) + "); a column is " + rounded(ns_per_column) + " ns\n";
  text += "stage     actor    CPU    start      ns     p50      p99\n";
  for (const StageTime& time : timeline.stages) text += line_of(time, ns_per_column, style) + "\n";
  return text;
}

std::string to_trace_overview(const std::vector<Timeline>& timelines, TraceStyle style) {
  double longest = 1;
  for (const Timeline& timeline : timelines) longest = std::max(longest, timeline.total_ns);
  const double ns_per_column = longest / kOverviewBar;
  std::string text = "all at one scale, a column is " + rounded(ns_per_column) +
                     " ns: █ at user level, ▒ in the operating system\n";
  for (const Timeline& timeline : timelines) {
    const int columns =
        std::max(1, static_cast<int>(std::lround(timeline.total_ns / ns_per_column)));
    text += padded(timeline.mechanism, 23) + to_the_right(rounded(timeline.total_ns), 9) + " ns  ";
    for (int column = 0; column < columns; ++column) {
      const bool in_system = is_in_the_system(timeline, (column + 0.5) * ns_per_column);
      text += in_system ? painted("▒", colour_of(Actor::system_of_ni), style)
                        : painted("█", colour_of(Actor::receiver), style);
    }
    text += "\n";
  }
  return text;
}

}  // namespace smtni::experiments
