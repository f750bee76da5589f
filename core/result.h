#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace smtni {

/// Why a call could not do what it was asked to.
struct Error {
  enum class Kind : std::uint8_t {
    would_block,        ///< no room or nothing there now; try again later
    timed_out,          ///< the deadline passed first
    message_too_large,  ///< the message stays where it is; the text tells the size needed
    invalid,            ///< an argument lies outside what is accepted; the text tells what is
    closed,             ///< this end has been closed
    peer_dead,          ///< the other end has gone
    corrupt,            ///< shared memory holds what no honest peer writes
    unsupported,        ///< this machine cannot do it: a finding, not a failure
  };

  Kind kind;
  /// One line, without a full stop: what was attempted, on what, and why it failed.
  std::string what;
};

/// A value, or the reason why there is none. For the control plane; the hot path does not fail.
template <class T>
using Result = tl::expected<T, Error>;

[[nodiscard]] inline tl::unexpected<Error> failure(Error::Kind kind, std::string what) {
  return tl::unexpected<Error>(Error{kind, std::move(what)});
}

/// A failure that says which system call failed, on what, and the text of `error_number`.
/// Permission and absence (EPERM, EACCES, ENOSYS, EOPNOTSUPP, ENODEV) are `unsupported`, the rest
/// `invalid`.
[[nodiscard]] tl::unexpected<Error> system_failure(std::string_view call, int error_number);

/// The spelling of a kind in results, C names and Python classes: "would_block", "timed_out", …
[[nodiscard]] std::string_view name_of(Error::Kind kind) noexcept;

}  // namespace smtni
