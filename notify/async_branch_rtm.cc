#include "notify/async_branch_rtm.h"

#include <string>
#include <utility>

#include "notify/internal/cpu_features.h"
#include "notify/internal/transaction.h"

namespace smtni::notify {
namespace {

using internal::transaction_abort;
using internal::transaction_begin;
using internal::transaction_commit;

// A working processor now and then aborts one for an interrupt; never so many in a row.
constexpr int kTrials = 1000;

Result<void> try_transactions() {
  if (Result<void> has_rtm = internal::need(internal::Feature::rtm); !has_rtm) return has_rtm;
  for (int trial = 0; trial < kTrials; ++trial) {
    if (transaction_begin() == internal::kTransactionStarted) {
      transaction_commit();
      return {};
    }
  }
  return failure(Error::Kind::unsupported,
                 "the processor claims RTM but aborts every transaction (" +
                     std::to_string(kTrials) + " of " + std::to_string(kTrials) +
                     "): TSX is switched off");
}

}  // namespace

Result<std::unique_ptr<Rtm>> Rtm::open(const Options& options) {
  return try_transactions()
      .and_then([&] { return threads::Stack::create(options.stack, kInfo.name); })
      .map([](threads::Stack stack) { return std::unique_ptr<Rtm>(new Rtm(std::move(stack))); });
}

Result<void> Rtm::arm(const Handler& handler) {
  state_.arm(handler);
  begin();
  return {};
}

void Rtm::disarm() noexcept {
  commit();
  state_.disarm();
}

void Rtm::safepoint() noexcept {
  commit();
  state_.poll();
  begin();
}

void Rtm::mask() noexcept {
  commit();
  state_.mask();
}

void Rtm::unmask() noexcept {
  state_.unmask();
  begin();
}

// Returns inside a transaction, or untransacted: while masked or handling, and when progress asks
// for it. Not inlined, so that there is one place to look at in the machine code.
[[gnu::noinline]] void Rtm::begin() noexcept {
  advances_ = 0;
  while (state_.is_open()) {
    if (aborts_in_a_row_ == kAbortsInARow) {
      aborts_in_a_row_ = 0;
      ++counts_.untransacted;
      return;
    }
    ++counts_.begun;
    const unsigned status = transaction_begin();
    if (status == internal::kTransactionStarted) {
      is_transacting_ = true;
      // This reading puts the line into the read set: from here on the NI's store aborts.
      if (state_.is_pending()) transaction_abort();
      return;
    }
    // Here after an abort, with everything as it was at transaction_begin().
    count_abort(status);
    ++aborts_in_a_row_;
    state_.poll();
  }
}

void Rtm::commit() noexcept {
  if (!is_transacting_) return;
  is_transacting_ = false;
  transaction_commit();
  aborts_in_a_row_ = 0;
  ++counts_.commits;
}

void Rtm::count_abort(unsigned status) noexcept {
  if ((status & internal::kAbortMayRetry) != 0) ++counts_.may_retry;
  if ((status & internal::kAbortedExplicitly) != 0) {
    ++counts_.by_explicit_abort;
  } else if ((status & internal::kAbortedByConflict) != 0) {
    ++(state_.is_pending() ? counts_.by_notification : counts_.by_other_conflict);
  } else if ((status & internal::kAbortedByCapacity) != 0) {
    ++counts_.by_capacity;
  } else {
    ++counts_.by_other_cause;
  }
}

}  // namespace smtni::notify
