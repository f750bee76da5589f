#pragma once

#include <string>
#include <string_view>

/// \file
/// The few elements that pictures are made of.
namespace smtni::experiments::svg {

/// In pixels from the upper left corner.
struct Point {
  double x;
  double y;
};

struct TextLook {
  std::string_view css;               ///< a class of the picture's style sheet
  std::string_view anchor = "start";  ///< "start", "middle" or "end"
};

/// With one digit after the point.
[[nodiscard]] std::string number(double value);

[[nodiscard]] std::string escaped(std::string_view text);

[[nodiscard]] std::string text_at(Point at, std::string_view text, TextLook look);

[[nodiscard]] std::string line_between(Point from, Point to, std::string_view css);

}  // namespace smtni::experiments::svg
