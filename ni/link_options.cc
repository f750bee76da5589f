#include "ni/link_options.h"

#include <algorithm>
#include <string>

namespace smtni::ni {
namespace {

constexpr double kSlowest = 0.001;
constexpr double kFastest = 10'000;
constexpr Nanoseconds kLongest{1'000'000'000};
constexpr Bytes kMostCredit = 256 * kMiB;
constexpr std::uint32_t kLeastPackets = 8;
constexpr std::uint32_t kMostPackets = 1U << 18U;

tl::unexpected<Error> refuse(const std::string& what, const std::string& accepted) {
  return failure(Error::Kind::invalid, "link: " + what + "; accepted: " + accepted);
}

}  // namespace

Result<void> check_link(const LinkOptions& options) {
  const double rate = options.gigabits_per_second;
  // Written so that NaN, which compares as false, is refused.
  if (!(rate == 0 || (rate >= kSlowest && rate <= kFastest))) {
    return refuse("a rate of " + std::to_string(rate) + " Gb/s", "0 (unlimited), 0.001 to 10000");
  }
  if (options.latency > kLongest || options.jitter > kLongest) {
    const Nanoseconds longer = std::max(options.latency, options.jitter);
    return refuse("a latency or jitter of " + std::to_string(longer.count()) + " ns",
                  "up to 1000000000");
  }
  if (!(options.loss >= 0 && options.loss <= 1)) {
    return refuse("a loss of " + std::to_string(options.loss), "0 (none) to 1 (everything)");
  }
  if (options.credit < kLeastLinkCredit || options.credit > kMostCredit) {
    return refuse(
        "a credit of " + std::to_string(options.credit.count()) + " bytes",
        std::to_string(kLeastLinkCredit.count()) + " to " + std::to_string(kMostCredit.count()));
  }
  if (options.packet_credit < kLeastPackets || options.packet_credit > kMostPackets) {
    return refuse("a credit of " + std::to_string(options.packet_credit) + " packets",
                  std::to_string(kLeastPackets) + " to " + std::to_string(kMostPackets));
  }
  return {};
}

}  // namespace smtni::ni
