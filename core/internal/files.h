#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

/// \file
/// Reading the small text files of sysfs and procfs.

namespace smtni::internal {

/// The whole file without its trailing white space. A missing file is `unsupported`: this kernel
/// does not tell. Files above 16 MiB are `invalid`; no honest one here comes near.
Result<std::string> read_text(const std::string& path);

/// The same, or `otherwise` where it cannot be read.
std::string text_or(const std::string& path, std::string_view otherwise);

/// A decimal count that fills `text`; nothing when it is anything else.
std::optional<std::int64_t> parse_count(std::string_view text);

/// The count in a file; nothing where it is absent or something else.
std::optional<std::int64_t> count_in(const std::string& path);

/// The kernel's list format, "0-3,8": sorted, without repetition. Nothing when malformed or when a
/// number is 65536 or more, far beyond any kernel's limit of processors.
std::optional<std::vector<int>> parse_list(std::string_view text);

/// The list in a file: `unsupported` when absent, `invalid` when malformed.
Result<std::vector<int>> list_in(const std::string& path);

/// The pieces of `text` between `separator`s, empty ones left out.
std::vector<std::string_view> split(std::string_view text, char separator);

}  // namespace smtni::internal
