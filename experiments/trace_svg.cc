#include <algorithm>
#include <cmath>
#include <cstdio>

#include "experiments/svg.h"
#include "experiments/trace.h"

namespace smtni::experiments {
namespace {

// Pixels. Text to the left of the bars, then the bars, then room for a total.
constexpr double kWidth = 1000;
constexpr double kMargin = 24;
constexpr double kBarsLeft = 250;
constexpr double kBarsRight = 976;
constexpr double kTotalsLeft = 890;  // of the overview
constexpr double kOverviewRow = 26;
constexpr double kLane = 46;
constexpr double kBox = 16;
constexpr double kCharacter = 7.3;  // of 12 pixel text, on the safe side

// Colours by class; a page in the dark swaps them.
constexpr std::string_view kStyle = R"(<style>
.card{fill:#fff;stroke:#d0d7de}.line{stroke:#d8dee4}.lead{stroke:#8c959f}
text{fill:#1f2328}.quiet{fill:#57606a;font-size:12px}.label{font-size:12px}
.head{font-size:15px;font-weight:600}.title{font-size:18px;font-weight:600}
.sender{fill:#0969da}.ni{fill:#bf8700}.wire{fill:#1b7c83}.os{fill:#cf222e}.receiver{fill:#1a7f37}
@media (prefers-color-scheme:dark){.card{fill:#0d1117;stroke:#30363d}.line{stroke:#262c36}
.lead{stroke:#6e7681}text{fill:#e6edf3}.quiet{fill:#9da7b1}.sender{fill:#58a6ff}.ni{fill:#d29922}
.wire{fill:#39c5cf}.os{fill:#f85149}.receiver{fill:#3fb950}}
</style>
)";

std::string nanoseconds(double ns) {
  char text[32];
  std::snprintf(text, sizeof text, "%.0f ns", ns);
  return text;
}

// Where nanoseconds lie across the page.
class Scale {
 public:
  Scale(double longest_ns, double right)
      : longest_ns_(std::max(longest_ns, 1.0)), pixels_((right - kBarsLeft) / longest_ns_) {}

  [[nodiscard]] double x(double ns) const { return kBarsLeft + ns * pixels_; }

  // Five ticks or a few more: 1, 2 or 5 times a power of ten apart.
  [[nodiscard]] double step_ns() const {
    const double power = std::pow(10, std::floor(std::log10(longest_ns_ / 5)));
    for (const double times : {1.0, 2.0, 5.0}) {
      if (longest_ns_ / (times * power) <= 7) return times * power;
    }
    return 10 * power;
  }

  // Ticks from `top` to `bottom`, and their figures below.
  [[nodiscard]] std::string axis(double top, double bottom) const {
    std::string text;
    for (double ns = 0; ns <= longest_ns_; ns += step_ns()) {
      text += svg::line_between({x(ns), top}, {x(ns), bottom}, "line");
      text += svg::text_at({x(ns), bottom + 14}, nanoseconds(ns), {"quiet", "middle"});
    }
    return text;
  }

 private:
  double longest_ns_;
  double pixels_;
};

// A stage's box, with what a reader sees who points at it.
std::string box_of(const StageTime& time, const Scale& scale, double y) {
  const double left = scale.x(time.start_ns);
  const double width = std::max(scale.x(time.end_ns()) - left, 2.0);
  return "<rect class=\"" + std::string(key_of(time.actor)) + "\" x=\"" + svg::number(left) +
         "\" y=\"" + svg::number(y) + "\" width=\"" + svg::number(width) + "\" height=\"" +
         svg::number(kBox) + "\" rx=\"2\"><title>" + std::string(name_of(time.stage)) + ": " +
         nanoseconds(time.duration_ns) + " on CPU " + std::to_string(time.cpu) + ", median " +
         nanoseconds(time.all_ns.p50) + ", p99 " + nanoseconds(time.all_ns.p99) +
         "</title></rect>\n";
}

struct Label {
  std::string text;
  double centre;  // of its box
  double left;
  [[nodiscard]] double width() const { return kCharacter * static_cast<double>(text.size()); }
};

// Moves labels to the right until none covers another, then back from the edge.
void spread(std::vector<Label>& labels) {
  double free = kBarsLeft;
  for (Label& label : labels) {
    label.left = std::max(label.left, free);
    free = label.left + label.width() + kCharacter;
  }
  double edge = kBarsRight;
  for (auto label = labels.rbegin(); label != labels.rend(); ++label) {
    label->left = std::min(label->left, edge - label->width());
    edge = label->left - kCharacter;
  }
}

std::string lane_of(const std::vector<StageTime>& stages, const Scale& scale, double y) {
  std::string text;
  std::vector<Label> labels;
  for (const StageTime& time : stages) {
    text += box_of(time, scale, y + 22);
    Label label{std::string(name_of(time.stage)) + " " + nanoseconds(time.duration_ns),
                (scale.x(time.start_ns) + scale.x(time.end_ns())) / 2, 0};
    label.left = label.centre - label.width() / 2;
    labels.push_back(std::move(label));
  }
  spread(labels);
  for (const Label& label : labels) {
    text += svg::text_at({label.left, y + 13}, label.text, {"label"});
    const double foot =
        std::clamp(label.centre, label.left + 4, label.left + std::max(label.width() - 4, 4.0));
    text += svg::line_between({foot, y + 16}, {label.centre, y + 22}, "lead");
  }
  return text;
}

std::vector<StageTime> stages_of(const Timeline& timeline, Actor actor) {
  std::vector<StageTime> stages;
  for (const StageTime& time : timeline.stages) {
    if (time.absent.empty() && time.actor == actor) stages.push_back(time);
  }
  return stages;
}

bool has_system(const Timeline& timeline) {
  return !stages_of(timeline, Actor::system_of_ni).empty() ||
         !stages_of(timeline, Actor::system_of_receiver).empty();
}

std::string absent_of(const Timeline& timeline) {
  std::string text;
  for (const StageTime& time : timeline.stages) {
    if (time.absent.empty()) continue;
    text += (text.empty() ? "" : " · ") + std::string(name_of(time.stage)) + ": " + time.absent;
  }
  return text;
}

// One timeline at a scale of its own, its top at `y`, which is moved below it.
std::string panel_of(const Timeline& timeline, double& y) {
  const Scale scale(timeline.total_ns, kBarsRight);
  std::string text = svg::text_at({kMargin, y + 18}, timeline.mechanism, {"head"});
  text += svg::text_at({kBarsLeft, y + 18},
                       timeline.placement + ", NI " + timeline.ni + " · " +
                           nanoseconds(timeline.total_ns) + ", the median of " +
                           std::to_string(timeline.total_all_ns.count),
                       {"quiet"});
  y += 34;
  const double top = y;
  std::string lanes;
  for (std::size_t index = 0; index < kActors; ++index) {
    const auto actor = static_cast<Actor>(index);
    const auto stages = stages_of(timeline, actor);
    const bool says_none = actor == Actor::system_of_ni && !has_system(timeline);
    if (stages.empty() && !says_none) continue;
    std::string name(says_none ? "operating system" : long_name_of(actor));
    lanes += svg::text_at({kMargin, y + 28}, name, {"label"});
    if (says_none) {
      lanes += svg::text_at({kBarsLeft, y + 28}, "not on the way", {"quiet"});
    } else {
      lanes +=
          svg::text_at({kMargin, y + 42}, "CPU " + std::to_string(stages.front().cpu), {"quiet"});
      lanes += lane_of(stages, scale, y);
    }
    y += kLane;
  }
  text += scale.axis(top, y + 2) + lanes;
  y += 22;
  if (const std::string absent = absent_of(timeline); !absent.empty()) {
    y += 16;
    text += svg::text_at({kMargin, y}, absent, {"quiet"});
  }
  y += 26;
  return text;
}

// All timelines at one scale. Where stages overlap, the receiver's way is on top.
std::string overview_of(const std::vector<Timeline>& timelines, double& y) {
  double longest_ns = 0;
  for (const Timeline& one : timelines) longest_ns = std::max(longest_ns, one.total_ns);
  const Scale scale(longest_ns, kTotalsLeft);
  std::string rows;
  const double top = y;
  for (const Timeline& timeline : timelines) {
    rows += svg::text_at({kMargin, y + 14}, timeline.mechanism, {"label"});
    rows += svg::text_at({kBarsLeft - 12, y + 14}, timeline.placement, {"quiet", "end"});
    for (const StageTime& time : timeline.stages) {
      if (time.absent.empty()) rows += box_of(time, scale, y + 2);
    }
    rows += svg::text_at({scale.x(timeline.total_ns) + 8, y + 14}, nanoseconds(timeline.total_ns),
                         {"label"});
    y += kOverviewRow;
  }
  const std::string text = scale.axis(top - 4, y) + rows;
  y += 40;
  return text;
}

std::string legend(svg::Point at) {
  std::string text;
  for (const Actor actor :
       {Actor::sender, Actor::ni, Actor::wire, Actor::system_of_ni, Actor::receiver}) {
    const std::string name(is_system(actor) ? "operating system" : long_name_of(actor));
    text += "<rect class=\"" + std::string(key_of(actor)) + "\" x=\"" + svg::number(at.x) +
            "\" y=\"" + svg::number(at.y - 10) + "\" width=\"12\" height=\"12\" rx=\"2\"/>\n";
    text += svg::text_at({at.x + 18, at.y}, name, {"label"});
    at.x += 18 + kCharacter * static_cast<double>(name.size()) + 24;
  }
  return text;
}

}  // namespace

std::string to_trace_svg(const std::vector<Timeline>& timelines) {
  double y = 96;
  std::string body =
      svg::text_at({kMargin, 36}, "The journey of a message, stage by stage", {"title"});
  body += legend({kMargin, 62});
  body +=
      svg::text_at({kBarsRight, 62}, "all at one scale; below, each at its own", {"quiet", "end"});
  body += overview_of(timelines, y);
  for (const Timeline& timeline : timelines) body += panel_of(timeline, y);
  const std::string size = svg::number(kWidth) + " " + svg::number(y);
  return "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " + size + "\" width=\"" +
         svg::number(kWidth) + "\" height=\"" + svg::number(y) +
         "\" font-family=\"system-ui, sans-serif\" font-size=\"14\" role=\"img\">\n"
         "<title>The journey of a message, stage by stage</title>\n" +
         std::string(kStyle) + "<rect class=\"card\" x=\"0.5\" y=\"0.5\" width=\"" +
         svg::number(kWidth - 1) + "\" height=\"" + svg::number(y - 1) + "\" rx=\"8\"/>\n" + body +
         "</svg>\n";
}

}  // namespace smtni::experiments
