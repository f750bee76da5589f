// The pure parts of `smtni trace`, on stamps that are made up.
#include "experiments/trace.h"

#include <gtest/gtest.h>

#include <cctype>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "experiments/trace_summary.h"

namespace smtni::experiments {
namespace {

constexpr int kNear = 3;
constexpr int kFar = 7;

Stamp at(std::uint64_t reading, int cpu) { return {TscInstant(reading), cpu}; }

// A journey that begins at 1000, with a cycle of 1 ns; `late` is added at the handler.
Journey journey(std::uint64_t late) {
  Journey one;
  one.sender = {at(1000, kNear), at(1040, kNear), at(1480, kNear)};
  one.ni = {at(1060, kNear), at(1080, kNear), at(1180, kNear), at(1220, kNear), at(1420, kNear)};
  one.receiver = {at(1400 + late, kFar), at(1440 + late, kFar), at(1500 + late, kFar)};
  return one;
}

Timeline timeline_of(std::string mechanism, ni::Drive drive = ni::Drive::in_the_call) {
  const std::vector<Journey> journeys{journey(4000), journey(0), journey(200)};
  return summarise(journeys, {std::move(mechanism), "same-llc", drive}, 1.0);
}

const StageTime& stage_of(const Timeline& timeline, Stage stage) {
  return timeline.stages.at(static_cast<std::size_t>(stage));
}

TEST(TraceSummary, ShowsTheMessageOfMedianLength) {
  const Timeline timeline = timeline_of("lock-table/spin");
  EXPECT_EQ(timeline.total_ns, 700);
  EXPECT_EQ(timeline.total_all_ns.p50, 700);
  EXPECT_EQ(timeline.total_all_ns.max, 4500);
  EXPECT_EQ(timeline.total_all_ns.count, 3U);
}

TEST(TraceSummary, TimesEachStageWhereItWasStamped) {
  const Timeline timeline = timeline_of("lock-table/spin");
  const std::vector<std::pair<double, double>> expected{{0, 40},    {40, 20},  {0, 0},   {60, 20},
                                                        {80, 100},  {180, 40}, {0, 0},   {220, 200},
                                                        {220, 380}, {600, 40}, {640, 60}};
  ASSERT_EQ(timeline.stages.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(timeline.stages[i].start_ns, expected[i].first) << kStageNames[i];
    EXPECT_EQ(timeline.stages[i].duration_ns, expected[i].second) << kStageNames[i];
  }
  EXPECT_EQ(stage_of(timeline, Stage::notify).cpu, kNear);
  EXPECT_EQ(stage_of(timeline, Stage::handler).cpu, kFar);
}

TEST(TraceSummary, GivesTheOperatingSystemWhatItDoes) {
  const Timeline signal = timeline_of("signal/running");
  EXPECT_EQ(stage_of(signal, Stage::notify).actor, Actor::system_of_ni);
  EXPECT_EQ(stage_of(signal, Stage::delivery).actor, Actor::system_of_receiver);
  EXPECT_EQ(stage_of(signal, Stage::back).actor, Actor::system_of_receiver);
  const Timeline futex = timeline_of("kernel/futex");
  EXPECT_EQ(stage_of(futex, Stage::delivery).actor, Actor::system_of_receiver);
  EXPECT_EQ(stage_of(futex, Stage::back).actor, Actor::receiver);
  const Timeline lock = timeline_of("lock-table/spin");
  for (const StageTime& time : lock.stages) EXPECT_FALSE(is_system(time.actor));
}

TEST(TraceSummary, SaysWhyAStageIsNotTimed) {
  const Timeline waiting = timeline_of("lock-table/spin");
  EXPECT_EQ(stage_of(waiting, Stage::fetch).absent, "none: the NI reads the sender's own memory");
  EXPECT_EQ(stage_of(waiting, Stage::record).absent, "within place: the same store ends both");
  EXPECT_EQ(stage_of(waiting, Stage::back).absent, "");
  const Timeline spawned = timeline_of("spawn/idle-context");
  EXPECT_EQ(stage_of(spawned, Stage::back).absent, "none: a context has nothing to return to");
  EXPECT_EQ(spawned.total_ns, 640);
}

TEST(TraceSummary, TimesTheFetchOfADedicatedNi) {
  std::vector<Journey> journeys{journey(0)};
  journeys[0].sender.sent = at(1045, kNear);
  const Timeline timeline =
      summarise(journeys, {"poll/pause", "same-node", ni::Drive::dedicated}, 2.0);
  EXPECT_EQ(stage_of(timeline, Stage::doorbell).duration_ns, 10);
  EXPECT_EQ(stage_of(timeline, Stage::fetch).duration_ns, 30);
  EXPECT_EQ(stage_of(timeline, Stage::fetch).actor, Actor::ni);
}

TEST(TraceText, DrawsABarForEachStage) {
  EXPECT_EQ(to_trace_text(timeline_of("signal/running"), {}),
            "signal/running, same-llc, NI in the sender's call\n"
            "a message of 700 ns, the median of 3 (p99 700); a column is 17 ns\n"
            "stage     actor    CPU    start      ns     p50      p99\n"
            "compose   sender     3        0      40      40       40  ██\n"
            "doorbell  sender     3       40      20      20       20    ██\n"
            "fetch     NI         -        -       -       -        -  "
            "none: the NI reads the sender's own memory\n"
            "wire      wire       3       60      20      20       20     ██\n"
            "translate NI         3       80     100     100      100      ███████\n"
            "place     NI         3      180      40      40       40            ███\n"
            "record    NI         -        -       -       -        -  "
            "within place: the same store ends both\n"
            "notify    OS         3      220     200     200      200               ████████████\n"
            "delivery  OS         7      220     380     380      380               "
            "███████████████████████\n"
            "handler   receiver   7      600      40      40       40  "
            "                                    ██\n"
            "return    OS         7      640      60      60       60  "
            "                                      ████\n");
}

TEST(TraceText, ComparesAllAtOneScale) {
  EXPECT_EQ(to_trace_overview({timeline_of("lock-table/spin"), timeline_of("signal/running")}, {}),
            "all at one scale, a column is 12 ns: █ at user level, ▒ in the operating system\n"
            "lock-table/spin              700 ns  "
            "████████████████████████████████████████████████████████████\n"
            "signal/running               700 ns  "
            "███████████████████▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒████▒▒▒▒▒\n");
}

TEST(TraceText, IsPlainWithoutColour) {
  const Timeline timeline = timeline_of("signal/running");
  EXPECT_EQ(to_trace_text(timeline, {}).find('\x1b'), std::string::npos);
  EXPECT_NE(to_trace_text(timeline, {.colour = true}).find("\x1b[31m"), std::string::npos);
}

// The names of all elements, when every one is closed in its order and no text holds a bare '<' or
// '&'; otherwise empty. Attributes are taken as they come.
std::vector<std::string> elements_of(std::string_view xml) {
  std::vector<std::string> open;
  std::vector<std::string> all;
  while (!xml.empty()) {
    const std::size_t less = xml.find('<');
    if (less == std::string_view::npos) break;
    const std::size_t greater = xml.find('>', less);
    if (greater == std::string_view::npos) return {};
    const std::string_view tag = xml.substr(less + 1, greater - less - 1);
    const std::string name(tag.substr(0, tag.find_first_of(" /\n", 1)));
    if (tag.starts_with('/')) {
      if (open.empty() || "/" + open.back() != tag) return {};
      open.pop_back();
    } else {
      all.push_back(name);
      if (!tag.ends_with('/')) open.push_back(name);
    }
    xml.remove_prefix(greater + 1);
  }
  return open.empty() ? all : std::vector<std::string>{};
}

TEST(TraceSvg, IsWellFormedAndStandsAlone) {
  const std::string svg =
      to_trace_svg({timeline_of("lock-table/spin"), timeline_of("signal/running")});
  EXPECT_TRUE(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""));
  EXPECT_GT(elements_of(svg).size(), 60U);
  EXPECT_EQ(svg.find("href"), std::string::npos);
  EXPECT_NE(svg.find("prefers-color-scheme:dark"), std::string::npos);
}

TEST(TraceSvg, ShowsEveryStageAndEveryActor) {
  const std::string svg =
      to_trace_svg({timeline_of("lock-table/spin"), timeline_of("signal/running")});
  for (const std::string_view name : kStageNames) {
    EXPECT_NE(svg.find(name), std::string::npos) << name;
  }
  for (const char* part : {">sender<", ">NI<", ">wire<", ">receiver<", ">not on the way<",
                           ">operating system, receiver's side<", "delivery 380 ns"}) {
    EXPECT_NE(svg.find(part), std::string::npos) << part;
  }
}

// The x of each label of one lane, and its text: those on one height.
TEST(TraceSvg, LabelsOfALaneKeepApart) {
  const std::string svg = to_trace_svg({timeline_of("lock-table/spin")});
  std::map<double, std::pair<double, std::size_t>> previous;  // by y: x, characters
  std::size_t labels = 0;
  constexpr std::string_view kBegin = "<text class=\"label\" x=\"";
  for (std::size_t from = svg.find(kBegin); from != std::string::npos;
       from = svg.find(kBegin, from + 1)) {
    const double x = std::stod(svg.substr(from + kBegin.size()));
    const double y = std::stod(svg.substr(svg.find("y=\"", from) + 3));
    const std::size_t begin = svg.find('>', from) + 1;
    const std::size_t size = svg.find('<', begin) - begin;
    const auto last = previous.find(y);
    if (last != previous.end() && last->second.first < x) {
      EXPECT_GT(x, last->second.first + 7.0 * static_cast<double>(last->second.second))
          << svg.substr(begin, size);
    }
    previous[y] = {x, size};
    ++labels;
  }
  EXPECT_GT(labels, 10U);
}

TEST(TraceEvents, AreAnArrayThatPerfettoReads) {
  const auto json = nlohmann::json::parse(
      to_trace_events({timeline_of("lock-table/spin"), timeline_of("signal/running")}));
  ASSERT_TRUE(json.is_array());
  std::size_t stages = 0;
  std::map<std::pair<int, int>, std::string> threads;
  for (const auto& event : json) {
    ASSERT_TRUE(event["pid"].is_number_integer() && event["tid"].is_number_integer());
    if (event["ph"] == "M") {
      if (event["name"] == "thread_name") {
        threads[{event["pid"], event["tid"]}] = event["args"]["name"];
      }
      continue;
    }
    EXPECT_EQ(event["ph"], "X");
    EXPECT_TRUE(event["ts"].is_number() && event["dur"].is_number());
    EXPECT_TRUE(threads.contains({event["pid"], event["tid"]})) << event.dump();
    ++stages;
  }
  EXPECT_EQ(stages, 18U);
  EXPECT_EQ(json[0]["args"]["name"], "lock-table/spin, same-llc");
}

// A viewer draws events of one thread that overlap without nesting as nonsense.
TEST(TraceEvents, OfOneThreadDoNotOverlap) {
  const auto json = nlohmann::json::parse(to_trace_events({timeline_of("signal/running")}));
  std::map<int, double> free_us;
  for (const auto& event : json) {
    if (event["ph"] != "X") continue;
    const double begin = event["ts"];
    EXPECT_GE(begin + 1e-6, free_us[event["tid"]]) << event.dump();
    free_us[event["tid"]] = begin + event["dur"].get<double>();
  }
}

TEST(TraceFields, HoldEveryStageOrWhyThereIsNone) {
  const Fields fields = fields_of(timeline_of("signal/running"));
  EXPECT_EQ(find_number(fields, "translate_ns.p50"), 100);
  EXPECT_EQ(find_number(fields, "handler_shown_start_ns"), 600);
  EXPECT_EQ(find_number(fields, "handler_cpu"), 7);
  for (const std::string_view name : kStageNames) {
    EXPECT_NE(find_value(fields, std::string(name) + "_ns"), nullptr) << name;
  }
  EXPECT_TRUE(std::holds_alternative<Absent>(*find_value(fields, "fetch_ns")));
}

}  // namespace
}  // namespace smtni::experiments
