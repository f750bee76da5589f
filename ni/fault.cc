#include "ni/fault.h"

namespace smtni::ni {

std::string_view name_of(Fault fault) noexcept {
  switch (fault) {
    case Fault::unknown_key:
      return "unknown_key";
    case Fault::stale_key:
      return "stale_key";
    case Fault::not_permitted:
      return "not_permitted";
    case Fault::out_of_bounds:
      return "out_of_bounds";
    case Fault::unreachable:
      return "unreachable";
  }
  return "?";
}

}  // namespace smtni::ni
