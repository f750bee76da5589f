#include "core/internal/files.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>

#include "core/posix.h"

namespace smtni::internal {
namespace {

constexpr std::size_t kLargestFile = 16 * 1024 * 1024;
constexpr std::int64_t kListLimit = 65536;

}  // namespace

Result<std::string> read_text(const std::string& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.is_open()) {
    if (errno == ENOENT) return failure(Error::Kind::unsupported, "no " + path);
    return system_failure("open of " + path, errno);
  }
  std::string text;
  std::array<char, 4096> piece{};
  while (text.size() <= kLargestFile) {
    const ssize_t length = ::read(file.get(), piece.data(), piece.size());
    if (length < 0 && errno == EINTR) continue;
    if (length < 0) return system_failure("read of " + path, errno);
    if (length == 0) {
      text.erase(text.find_last_not_of(" \n\t") + 1);
      return text;
    }
    text.append(piece.data(), static_cast<std::size_t>(length));
  }
  return failure(Error::Kind::invalid, path + " is longer than 16 MiB");
}

std::string text_or(const std::string& path, std::string_view otherwise) {
  return read_text(path).value_or(std::string(otherwise));
}

std::optional<std::int64_t> parse_count(std::string_view text) {
  std::int64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return count;
}

std::optional<std::int64_t> count_in(const std::string& path) {
  const auto text = read_text(path);
  return text ? parse_count(*text) : std::nullopt;
}

std::optional<std::vector<int>> parse_list(std::string_view text) {
  std::vector<int> numbers;
  for (const std::string_view range : split(text, ',')) {
    const std::size_t dash = range.find('-');
    const auto first = parse_count(range.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : parse_count(range.substr(dash + 1));
    if (!first || !last || *first < 0 || *last < *first || *last >= kListLimit) return std::nullopt;
    for (std::int64_t number = *first; number <= *last; ++number) {
      numbers.push_back(static_cast<int>(number));
    }
    // Overlapping ranges could grow without bound; no kernel writes them.
    if (numbers.size() > static_cast<std::size_t>(kListLimit)) return std::nullopt;
  }
  std::sort(numbers.begin(), numbers.end());
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
  return numbers;
}

Result<std::vector<int>> list_in(const std::string& path) {
  const auto text = read_text(path);
  if (!text) return tl::unexpected(text.error());
  auto numbers = parse_list(*text);
  if (!numbers) {
    return failure(Error::Kind::invalid, path + " is no list of numbers: '" + *text + "'");
  }
  return *std::move(numbers);
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> pieces;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    if (end > 0) pieces.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return pieces;
}

}  // namespace smtni::internal
