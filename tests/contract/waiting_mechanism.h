#pragma once

#include "tests/contract/every_mechanism.h"

/// \file
/// What every mechanism promises to a receiver that waits.
namespace smtni::notify::contract {

template <class M>
class WaitingMechanism : public EveryMechanism<M> {};
TYPED_TEST_SUITE_P(WaitingMechanism);

// A wait that ignores its deadline is ended by news, so that the case fails instead of hanging.
TYPED_TEST_P(WaitingMechanism, ReturnsAtItsDeadlineAndNotBefore) {
  for (const bool is_notified : {false, true}) {
    SCOPED_TRACE(is_notified ? "notified without news" : "not notified");
    if (is_notified) this->mechanism_->notify(nullptr);
    std::atomic<bool> has_returned{false};
    Wake wake{};
    Deadline returned;
    const Deadline until = in(kNap);
    std::thread receiver([&] {
      wake = this->mechanism_->wait([this]() noexcept { return this->truth_.has_news(); }, until);
      returned = std::chrono::steady_clock::now();
      has_returned.store(true);
    });
    EXPECT_TRUE(eventually([&] { return has_returned.load(); }));
    this->truth_.is_over.store(!has_returned.load());
    this->mechanism_->notify(nullptr);
    receiver.join();
    EXPECT_EQ(wake, Wake::timed_out);
    EXPECT_GE(returned, until);
    if (this->HasFailure()) return;
    this->SetUp();  // the next receiver is another thread
  }
}

TYPED_TEST_P(WaitingMechanism, ReturnsAtOnceWhenThereIsNewsAlready) {
  this->truth_.published.store(1);
  const Wake wake =
      this->mechanism_->wait([this]() noexcept { return this->truth_.has_news(); }, in(kPatience));
  EXPECT_EQ(wake, Wake::news);
}

// Nobody reads them while they come: no queue may fill and block the notifier.
TYPED_TEST_P(WaitingMechanism, CoalescesWhatNobodyWaitsFor) {
  const auto has_news = [this]() noexcept { return this->truth_.has_news(); };
  EXPECT_EQ(this->mechanism_->wait(has_news, in(kNap)), Wake::timed_out);  // makes itself known
  for (int time = 0; time < 100'000; ++time) {
    this->truth_.published.fetch_add(1);
    ASSERT_TRUE(this->mechanism_->notify(nullptr));
  }
  EXPECT_EQ(this->mechanism_->wait(has_news, in(kPatience)), Wake::news);
  this->truth_.look();
  const Deadline until = in(kNap);
  EXPECT_EQ(this->mechanism_->wait(has_news, until), Wake::timed_out);
  EXPECT_TRUE(has_passed(until));
}

REGISTER_TYPED_TEST_SUITE_P(WaitingMechanism, ReturnsAtItsDeadlineAndNotBefore,
                            ReturnsAtOnceWhenThereIsNewsAlready, CoalescesWhatNobodyWaitsFor);

}  // namespace smtni::notify::contract
