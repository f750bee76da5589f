#pragma once

#include <span>
#include <string>
#include <string_view>

#include "core/result.h"
#include "experiments/results.h"

/// \file
/// Three writers for one record: text for people, CSV and JSON for tools.
namespace smtni::experiments {

struct TextStyle {
  std::string_view first = "mechanism";  ///< heading of the column of names
  std::span<const Column> columns;
  std::string_view sorted_by = {};  ///< path of a figure, smallest first; empty: as the rows come
  bool colour = false;
};

/// A table for each placement; what was not measured follows it, each with its reason.
[[nodiscard]] std::string to_text(const Results& results, TextStyle style);

/// One line a row; the columns are those that any row has. Fields with a comma, a quote or a line
/// break are quoted as RFC 4180 says.
[[nodiscard]] std::string to_csv(const Results& results);

/// The schema of results.h, indented, with a line break at the end.
[[nodiscard]] std::string to_json(const Results& results);

/// One line "# key value" for each figure of the run as a whole; what is absent, with its reason.
[[nodiscard]] std::string to_comment(const Fields& measured);

/// Whether write_file() could work, so that a long run need not end in vain. Makes the directory.
[[nodiscard]] Result<void> can_write_file(const std::string& path);

/// Puts `text` into the file `path`, whole or not at all: a temporary file beside it is written,
/// flushed to the disk and renamed. The directory is made when it is not there.
[[nodiscard]] Result<void> write_file(const std::string& path, std::string_view text);

}  // namespace smtni::experiments
