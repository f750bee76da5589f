#include <cstdio>

#include "experiments/trace.h"

namespace smtni::experiments {
namespace {

// Everything in them is a name of ours: nothing needs to be escaped.
std::string name_event(std::string_view kind, std::string_view ids, std::string_view name) {
  return R"({"name":")" + std::string(kind) + R"(","ph":"M",)" + std::string(ids) +
         R"(,"args":{"name":")" + std::string(name) + R"("}})";
}

std::string ids_of(std::size_t process, Actor actor) {
  return "\"pid\":" + std::to_string(process) +
         ",\"tid\":" + std::to_string(static_cast<int>(actor) + 1);
}

// The format counts in microseconds.
std::string stage_event(const StageTime& time, std::string_view ids) {
  char text[256];
  std::snprintf(text, sizeof text,
                R"({"name":"%s","cat":"%s","ph":"X",%s,"ts":%.4f,"dur":%.4f,)"
                R"("args":{"cpu":%d,"median_ns":%.1f,"p99_ns":%.1f}})",
                std::string(name_of(time.stage)).c_str(), std::string(key_of(time.actor)).c_str(),
                std::string(ids).c_str(), time.start_ns / 1000, time.duration_ns / 1000, time.cpu,
                time.all_ns.p50, time.all_ns.p99);
  return text;
}

}  // namespace

std::string to_trace_events(const std::vector<Timeline>& timelines) {
  std::vector<std::string> events;
  for (std::size_t index = 0; index < timelines.size(); ++index) {
    const Timeline& timeline = timelines[index];
    const std::size_t process = index + 1;
    events.push_back(name_event("process_name", ids_of(process, Actor::sender),
                                timeline.mechanism + ", " + timeline.placement));
    for (std::size_t actor = 0; actor < kActors; ++actor) {
      const auto who = static_cast<Actor>(actor);
      events.push_back(name_event("thread_name", ids_of(process, who), long_name_of(who)));
    }
    for (const StageTime& time : timeline.stages) {
      if (time.absent.empty()) events.push_back(stage_event(time, ids_of(process, time.actor)));
    }
  }
  std::string text = "[";
  for (const std::string& event : events) text += (text.size() == 1 ? "\n" : ",\n") + event;
  return text + "\n]\n";
}

Fields fields_of(const Timeline& timeline) {
  Fields fields{{"ni", timeline.ni},
                {"total_ns", timeline.total_all_ns},
                {"shown_total_ns", timeline.total_ns}};
  for (const StageTime& time : timeline.stages) {
    const std::string name(name_of(time.stage));
    fields.push_back({name + "_actor", std::string(key_of(time.actor))});
    if (!time.absent.empty()) {
      fields.push_back({name + "_ns", Absent{time.absent}});
      continue;
    }
    fields.push_back({name + "_cpu", std::int64_t{time.cpu}});
    fields.push_back({name + "_shown_start_ns", time.start_ns});
    fields.push_back({name + "_shown_ns", time.duration_ns});
    fields.push_back({name + "_ns", time.all_ns});
  }
  return fields;
}

}  // namespace smtni::experiments
