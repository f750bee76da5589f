#include <algorithm>

#include "experiments/writers.h"

namespace smtni::experiments {
namespace {

std::string quoted(const std::string& cell) {
  if (cell.find_first_of(",\"\r\n") == cell.npos) return cell;
  std::string text = "\"";
  for (const char character : cell) {
    if (character == '"') text += '"';
    text += character;
  }
  return text + "\"";
}

using Cells = std::vector<std::pair<std::string, std::string>>;

Cells cells_of(const Results& results, const Row& row) {
  Cells cells{{"experiment", results.experiment},
              {"mechanism", row.mechanism},
              {"placement", row.placement},
              {"status", std::string(name_of(row.status))},
              {"reason", row.reason}};
  for (auto& cell : flatten(row.figures)) cells.push_back(std::move(cell));
  return cells;
}

}  // namespace

std::string to_csv(const Results& results) {
  std::vector<std::string> columns{"experiment", "mechanism", "placement", "status", "reason"};
  std::vector<Cells> rows;
  for (const Row& row : results.rows) {
    rows.push_back(cells_of(results, row));
    for (const auto& [column, cell] : rows.back()) {
      if (std::find(columns.begin(), columns.end(), column) == columns.end()) {
        columns.push_back(column);
      }
    }
  }

  std::string text;
  const auto add_cell = [&](const std::string& cell, bool first) {
    text += (first ? "" : ",") + quoted(cell);
  };
  for (const std::string& column : columns) add_cell(column, &column == &columns.front());
  text += "\n";
  for (const Cells& row : rows) {
    for (const std::string& column : columns) {
      const auto cell = std::find_if(row.begin(), row.end(),
                                     [&](const auto& one) { return one.first == column; });
      add_cell(cell == row.end() ? "" : cell->second, &column == &columns.front());
    }
    text += "\n";
  }
  return text;
}

}  // namespace smtni::experiments
