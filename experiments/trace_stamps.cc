#include "experiments/trace_stamps.h"

#include <utility>

namespace smtni::experiments {

// Stamps what goes in and what comes out, and changes nothing.
class Tracer::TracingWire final : public ni::Wire, private ni::Arrivals {
 public:
  TracingWire(Tracer& tracer, std::unique_ptr<ni::Wire> inner) noexcept
      : tracer_(tracer), inner_(std::move(inner)) {}

  ni::Placed transmit(const ni::Packet& packet, ni::Arrivals& arrivals) noexcept override {
    tracer_.journeys_[packet.user_data].ni.fetched = Stamp::take();
    arrivals_ = &arrivals;
    return inner_->transmit(packet, *this);
  }

  bool deliver(ni::Arrivals& arrivals) noexcept override {
    arrivals_ = &arrivals;
    return inner_->deliver(*this);
  }

  std::size_t max_payload() const noexcept override { return inner_->max_payload(); }
  bool is_slow() const noexcept override { return inner_->is_slow(); }
  ni::Passage passage() const noexcept override { return inner_->passage(); }

 private:
  ni::Placed place(const ni::Packet& packet) noexcept override {
    const Stamp arrived = Stamp::take();
    tracer_.current_ = packet.user_data;
    tracer_.current().ni.arrived = arrived;
    return arrivals_->place(packet);
  }

  Tracer& tracer_;
  std::unique_ptr<ni::Wire> inner_;
  ni::Arrivals* arrivals_ = nullptr;  // of the call that is under way
};

std::unique_ptr<ni::Wire> Tracer::wrap(std::unique_ptr<ni::Wire> inner) {
  return std::make_unique<TracingWire>(*this, std::move(inner));
}

void Tracer::watch(notify::Binding& binding) noexcept {
  inner_ = binding.exchange_notifier_side({.object = this, .prepare = prepare, .notify = notify});
}

void Tracer::prepare(void* self) noexcept {
  auto& tracer = *static_cast<Tracer*>(self);
  tracer.current().ni.prepared = Stamp::take();
  tracer.inner_.prepare(tracer.inner_.object);
}

bool Tracer::notify(void* self, const void* record) noexcept {
  auto& tracer = *static_cast<Tracer*>(self);
  Journey::Ni& ni = tracer.current().ni;
  const Stamp notifying = Stamp::take();
  const bool is_made = tracer.inner_.notify(tracer.inner_.object, record);
  const Stamp notified = Stamp::take();
  // A mechanism that had no context free is asked again: the stage began with the first time.
  if (!ni.notifying.is_taken()) ni.notifying = notifying;
  ni.notified = notified;
  if (is_made) {
    tracer.notifications_.fetch_add(1, std::memory_order_release);  // [journey]
  }
  return is_made;
}

}  // namespace smtni::experiments
