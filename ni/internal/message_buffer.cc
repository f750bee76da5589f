#include "ni/internal/message_buffer.h"

#include <string>

#include "ni/fetch.h"
#include "ni/internal/requests.h"
#include "ni/staging.h"

namespace smtni::ni {
namespace {

Result<void> check(const Coalescing& coalescing, Drive drive) {
  const bool has_period = coalescing.period.count() != 0;
  if (coalescing.messages == 0 || (coalescing.messages > 1 && !has_period)) {
    return failure(Error::Kind::invalid,
                   "coalescing of " + std::to_string(coalescing.messages) +
                       " messages without a period; accepted: 1 message, or more with the longest "
                       "time that the first of them may wait");
  }
  if (has_period && drive == Drive::in_the_call) {
    return failure(Error::Kind::invalid,
                   "coalescing by time needs an NI thread (Drive::dedicated), which watches it");
  }
  return {};
}

Result<void> check(const FetchingOptions& fetching) {
  const std::uint64_t most = Staging::kMaxSize.count();
  if (fetching.staging.count() == 0 || fetching.staging.count() % Requests::kSegment != 0 ||
      fetching.staging.count() > most) {
    return failure(Error::Kind::invalid, "staging of " + std::to_string(fetching.staging.count()) +
                                             " bytes; accepted: whole segments of " +
                                             std::to_string(Requests::kSegment) + ", up to " +
                                             std::to_string(most));
  }
  if (fetching.start_threshold > fetching.staging) {
    return failure(Error::Kind::invalid, "a start threshold of " +
                                             std::to_string(fetching.start_threshold.count()) +
                                             " bytes; accepted: up to the staging's " +
                                             std::to_string(fetching.staging.count()));
  }
  if (fetching.outstanding_reads == 0 || fetching.outstanding_reads > Fetch::kMaxOutstandingReads) {
    return failure(Error::Kind::invalid, std::to_string(fetching.outstanding_reads) +
                                             " outstanding reads; accepted: 1 to " +
                                             std::to_string(Fetch::kMaxOutstandingReads));
  }
  return {};
}

}  // namespace

Result<MessageBuffer> MessageBuffer::create(const EndpointOptions& options, bool with_staging) {
  const auto cache_bytes = MessageRing::memory_for(options.message_cache);
  const auto send_bytes = MessageRing::memory_for(options.send_buffer);
  if (!cache_bytes) return tl::unexpected(cache_bytes.error());
  if (!send_bytes) return tl::unexpected(send_bytes.error());
  const Bytes staging_bytes = with_staging ? options.fetching.staging : Bytes(0);
  auto memory = allocate({.size = *cache_bytes + *send_bytes + staging_bytes});
  if (!memory) return tl::unexpected(memory.error());
  const std::span<std::byte> pages = memory->mapping.pages();
  auto cache = MessageRing::place(pages, options.message_cache, {.stores = options.stores});
  auto send = MessageRing::place(pages.subspan(cache_bytes->count()), options.send_buffer);
  if (!cache || !send) return tl::unexpected((cache ? send : cache).error());
  return MessageBuffer{std::move(*memory), std::move(*cache), std::move(*send),
                       pages.subspan((*cache_bytes + *send_bytes).count(),
                                     static_cast<std::size_t>(staging_bytes.count()))};
}

Result<void> check(const EndpointOptions& options, Drive drive) {
  if (auto checked = check(options.coalescing, drive); !checked) return checked;
  if (auto checked = smtni::check(options.stores); !checked) return checked;
  return check(options.fetching);
}

}  // namespace smtni::ni
