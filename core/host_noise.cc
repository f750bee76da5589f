#include "core/host_noise.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "core/internal/files.h"

namespace smtni {

Result<HostNoise> HostNoise::read(const std::string& root) {
  const std::string path = root + "/proc/stat";
  const auto text = internal::read_text(path);
  if (!text) return tl::unexpected(text.error());
  // "cpu user nice system idle iowait irq softirq steal …", see proc(5).
  const auto fields = internal::split(std::string_view(*text).substr(0, text->find('\n')), ' ');
  constexpr std::size_t kSteal = 8;
  const auto ticks = fields.size() > kSteal && fields[0] == "cpu"
                         ? internal::parse_count(fields[kSteal])
                         : std::nullopt;
  if (!ticks || *ticks < 0) return failure(Error::Kind::invalid, path + " tells no steal time");

  rusage usage{};
  if (::getrusage(RUSAGE_THREAD, &usage) != 0) return system_failure("getrusage", errno);
  const auto ticks_per_second = static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  return HostNoise{
      .steal = Nanoseconds(static_cast<std::uint64_t>(*ticks) * (1'000'000'000 / ticks_per_second)),
      .voluntary_switches = static_cast<std::uint64_t>(usage.ru_nvcsw),
      .involuntary_switches = static_cast<std::uint64_t>(usage.ru_nivcsw)};
}

HostNoise operator-(const HostNoise& later, const HostNoise& earlier) noexcept {
  // Steal time of some kernels has been seen to step back by a tick.
  return {.steal = later.steal - std::min(later.steal, earlier.steal),
          .voluntary_switches = later.voluntary_switches - earlier.voluntary_switches,
          .involuntary_switches = later.involuntary_switches - earlier.involuntary_switches};
}

}  // namespace smtni
