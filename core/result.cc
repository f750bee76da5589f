#include "core/result.h"

#include <cerrno>
#include <system_error>

namespace smtni {

tl::unexpected<Error> system_failure(std::string_view call, int error_number) {
  Error::Kind kind = Error::Kind::invalid;
  switch (error_number) {
    case EPERM:
    case EACCES:
    case ENOSYS:
    case EOPNOTSUPP:
    case ENODEV:
      kind = Error::Kind::unsupported;
      break;
    default:
      break;
  }
  return failure(kind, std::string(call) + ": " + std::generic_category().message(error_number));
}

std::string_view name_of(Error::Kind kind) noexcept {
  switch (kind) {
    case Error::Kind::would_block:
      return "would_block";
    case Error::Kind::timed_out:
      return "timed_out";
    case Error::Kind::message_too_large:
      return "message_too_large";
    case Error::Kind::invalid:
      return "invalid";
    case Error::Kind::closed:
      return "closed";
    case Error::Kind::peer_dead:
      return "peer_dead";
    case Error::Kind::corrupt:
      return "corrupt";
    case Error::Kind::unsupported:
      return "unsupported";
  }
  return "invalid";
}

}  // namespace smtni
