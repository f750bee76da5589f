#include "core/cache_sizes.h"

#include <optional>
#include <string_view>

#include "core/internal/files.h"

namespace smtni {
namespace {

constexpr int kMostCaches = 16;

// "48K" or "2M", as the kernel writes sizes.
std::optional<Bytes> parse_size(std::string_view text) {
  Bytes unit{1};
  if (text.ends_with('K')) unit = kKiB;
  if (text.ends_with('M')) unit = kMiB;
  if (unit != Bytes{1}) text.remove_suffix(1);
  const auto count = internal::parse_count(text);
  if (!count || *count <= 0 || *count > 1 << 30) return std::nullopt;
  return static_cast<std::uint64_t>(*count) * unit;
}

}  // namespace

Result<CacheSizes> read_cache_sizes(int cpu, const std::string& root) {
  const std::string directory = root + "/devices/system/cpu/cpu" + std::to_string(cpu) + "/cache";
  CacheSizes sizes;
  std::int64_t last_level = 0;
  for (int index = 0; index < kMostCaches; ++index) {
    const std::string cache = directory + "/index" + std::to_string(index);
    const auto type = internal::read_text(cache + "/type");
    if (!type) break;
    if (*type == "Instruction") continue;
    const auto level = internal::count_in(cache + "/level");
    const auto size = parse_size(internal::text_or(cache + "/size", ""));
    if (!level || !size) {
      return failure(Error::Kind::invalid, cache + "/level or /size is none");
    }
    if (*level == 1) sizes.l1d = *size;
    if (*level == 2) sizes.l2 = *size;
    if (*level > last_level) {
      last_level = *level;
      sizes.last = *size;
    }
  }
  if (sizes.l1d == Bytes{0} || sizes.l2 == Bytes{0}) {
    return failure(Error::Kind::unsupported,
                   directory + " does not describe a first and a second level");
  }
  return sizes;
}

}  // namespace smtni
