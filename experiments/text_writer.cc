#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdio>
#include <limits>

#include "experiments/writers.h"

namespace smtni::experiments {
namespace {

using Line = std::vector<std::string>;

// Three significant digits, or all those before the point.
std::string short_number(double number) {
  const double size = std::abs(number);
  const int decimals = size >= 99.95 || number == std::floor(number) ? 0 : size >= 9.995 ? 1 : 2;
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", decimals, number);
  return text;
}

std::string cell_of(const Fields& figures, std::string_view path) {
  const Value* value = find_value(figures, path);
  if (value != nullptr) {
    if (const auto* text = std::get_if<std::string>(value)) return *text;
    if (const auto* truth = std::get_if<bool>(value)) return *truth ? "yes" : "no";
    if (const auto* estimate = std::get_if<Estimate>(value)) {
      return short_number(estimate->value) + " [" + short_number(estimate->low) + ", " +
             short_number(estimate->high) + "]";
    }
  }
  const auto number = find_number(figures, path);
  return number ? short_number(*number) : "-";
}

bool is_figure(const std::string& cell) {
  return cell == "-" || (!cell.empty() && std::isdigit(static_cast<unsigned char>(cell.back()))) ||
         cell.ends_with("]");
}

struct Layout {
  std::size_t width = 0;
  bool to_the_left = false;  // words; figures go to the right
};

Layout layout_of(const std::vector<Line>& lines, std::size_t column) {
  Layout layout{.width = lines[0][column].size(), .to_the_left = column == 0};
  for (std::size_t row = 1; row < lines.size(); ++row) {
    const std::string& cell = lines[row][column];
    layout.width = std::max(layout.width, cell.size());
    if (!is_figure(cell)) layout.to_the_left = true;
  }
  return layout;
}

// The first line is the heading; there are two spaces between columns.
std::string laid_out(const std::vector<Line>& lines, bool colour) {
  std::vector<Layout> columns;
  for (std::size_t column = 0; column < lines[0].size(); ++column) {
    columns.push_back(layout_of(lines, column));
  }
  std::string text;
  for (std::size_t row = 0; row < lines.size(); ++row) {
    std::string line;
    for (std::size_t column = 0; column < columns.size(); ++column) {
      const std::string& cell = lines[row][column];
      const std::string blank(columns[column].width - cell.size(), ' ');
      if (column > 0) line += "  ";
      line += columns[column].to_the_left ? cell + blank : blank + cell;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += (row == 0 && colour ? "\x1b[1m" + line + "\x1b[0m" : line) + "\n";
  }
  return text;
}

std::vector<const Row*> rows_at(const Results& results, std::string_view placement, bool measured) {
  std::vector<const Row*> rows;
  for (const Row& row : results.rows) {
    if (row.placement == placement && (row.status == Status::ok) == measured) rows.push_back(&row);
  }
  return rows;
}

std::string table_of(std::vector<const Row*> rows, const TextStyle& style) {
  if (!style.sorted_by.empty()) {
    const auto key = [&](const Row* row) {
      return find_number(row->figures, style.sorted_by)
          .value_or(std::numeric_limits<double>::infinity());
    };
    std::stable_sort(rows.begin(), rows.end(),
                     [&](const Row* a, const Row* b) { return key(a) < key(b); });
  }
  std::vector<Line> lines(1, Line{std::string(style.first)});
  for (const Column& column : style.columns) lines[0].emplace_back(column.heading);
  for (const Row* row : rows) {
    Line line{row->mechanism};
    for (const Column& column : style.columns) line.push_back(cell_of(row->figures, column.path));
    lines.push_back(std::move(line));
  }
  return laid_out(lines, style.colour);
}

std::string reasons_of(const std::vector<const Row*>& rows) {
  std::size_t width = 0;
  for (const Row* row : rows) width = std::max(width, row->mechanism.size());
  std::string text;
  for (const Row* row : rows) {
    text += row->mechanism + std::string(width - row->mechanism.size() + 2, ' ') +
            std::string(name_of(row->status)) + ": " + row->reason + "\n";
  }
  return text;
}

}  // namespace

std::string to_text(const Results& results, TextStyle style) {
  std::vector<std::string_view> placements;
  for (const Row& row : results.rows) {
    if (std::find(placements.begin(), placements.end(), row.placement) == placements.end()) {
      placements.push_back(row.placement);
    }
  }
  std::string text;
  for (const std::string_view placement : placements) {
    if (!text.empty()) text += "\n";
    if (!placement.empty()) text += "placement " + std::string(placement) + "\n";
    const auto measured = rows_at(results, placement, true);
    if (!measured.empty()) text += table_of(measured, style);
    text += reasons_of(rows_at(results, placement, false));
  }
  return text;
}

std::string to_comment(const Fields& measured) {
  std::string text;
  for (const Field& field : measured) {
    const auto* absent = std::get_if<Absent>(&field.value);
    text += "# " + field.key + " " +
            (absent != nullptr ? "not measured: " + absent->reason : cell_of(measured, field.key)) +
            "\n";
  }
  return text;
}

}  // namespace smtni::experiments
