#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/results.h"

/// \file
/// What `smtni trace` shows: one message's journey, stage by stage (paper, sections 2 and 3.3).
namespace smtni::experiments {

/// In the order of the journey. `delivery` is the way from the notifier's act to the receiver's
/// first instruction: it begins where `notify` does, and the two overlap.
enum class Stage : std::uint8_t {
  compose,
  doorbell,
  fetch,
  wire,
  translate,
  place,
  record,
  notify,
  delivery,
  handler,
  back,
};
inline constexpr std::array<std::string_view, 11> kStageNames = {
    "compose", "doorbell", "fetch",    "wire",    "translate", "place",
    "record",  "notify",   "delivery", "handler", "return"};

[[nodiscard]] constexpr std::string_view name_of(Stage stage) noexcept {
  return kStageNames[static_cast<std::size_t>(stage)];
}

/// Who is at work. Lanes of the picture are in this order. What the operating system does has two,
/// one on each side of a notification, for the two go on at the same time.
enum class Actor : std::uint8_t { sender, ni, wire, system_of_ni, system_of_receiver, receiver };
inline constexpr std::size_t kActors = 6;

/// "OS" where there is little room.
[[nodiscard]] std::string_view short_name_of(Actor actor) noexcept;
[[nodiscard]] std::string_view long_name_of(Actor actor) noexcept;
/// "sender", "ni", "wire", "os" or "receiver": a class of the SVG, and a word of the JSON.
[[nodiscard]] std::string_view key_of(Actor actor) noexcept;
[[nodiscard]] constexpr bool is_system(Actor actor) noexcept {
  return actor == Actor::system_of_ni || actor == Actor::system_of_receiver;
}

/// One stage of the message that is shown, and of all messages.
struct StageTime {
  Stage stage = Stage::compose;
  Actor actor = Actor::sender;
  int cpu = -1;              ///< that the stage ended on
  double start_ns = 0;       ///< since the message began
  double duration_ns = 0;    ///< of the message that is shown
  Distribution all_ns = {};  ///< durations, of all messages
  std::string absent = {};   ///< why there is nothing to time; empty: there is

  [[nodiscard]] double end_ns() const noexcept { return start_ns + duration_ns; }
};

/// The journey of a message of median length, by one mechanism at one placement.
struct Timeline {
  std::string mechanism;
  std::string placement;
  std::string ni;                      ///< who does the NI's work, in words
  std::vector<StageTime> stages = {};  ///< all of them, in their order
  double total_ns = 0;                 ///< of the message that is shown
  Distribution total_all_ns = {};      ///< of all messages
};

struct TraceStyle {
  bool colour = false;
};

/// A table with bars; at most 100 columns wide.
[[nodiscard]] std::string to_trace_text(const Timeline& timeline, TraceStyle style);

/// One line for each timeline, all at one scale, so that they can be compared by eye.
[[nodiscard]] std::string to_trace_overview(const std::vector<Timeline>& timelines,
                                            TraceStyle style);

/// The same as one picture, for light and dark pages. Nothing in it is loaded from elsewhere.
[[nodiscard]] std::string to_trace_svg(const std::vector<Timeline>& timelines);

/// The array form of the Trace Event Format, which Perfetto and chrome://tracing open: a process
/// for each timeline, a thread for each actor, a complete event for each stage.
[[nodiscard]] std::string to_trace_events(const std::vector<Timeline>& timelines);

/// The figures of one row of a result file.
[[nodiscard]] Fields fields_of(const Timeline& timeline);

}  // namespace smtni::experiments
