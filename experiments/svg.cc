#include "experiments/svg.h"

#include <cstdio>

namespace smtni::experiments::svg {

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", value);
  return text;
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char one : text) {
    switch (one) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      default:
        out += one;
    }
  }
  return out;
}

std::string text_at(Point at, std::string_view text, TextLook look) {
  return "<text class=\"" + std::string(look.css) + "\" x=\"" + number(at.x) + "\" y=\"" +
         number(at.y) + "\" text-anchor=\"" + std::string(look.anchor) + "\">" + escaped(text) +
         "</text>\n";
}

std::string line_between(Point from, Point to, std::string_view css) {
  return "<line class=\"" + std::string(css) + "\" x1=\"" + number(from.x) + "\" y1=\"" +
         number(from.y) + "\" x2=\"" + number(to.x) + "\" y2=\"" + number(to.y) + "\"/>\n";
}

}  // namespace smtni::experiments::svg
