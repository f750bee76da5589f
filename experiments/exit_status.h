#pragma once

namespace smtni::experiments {

/// How the command ends.
enum ExitStatus : int {
  kDone = 0,
  kFailed = 1,
  kWrongUsage = 2,     ///< one line on standard error: what was wrong and what is accepted
  kInterrupted = 130,  ///< SIGINT or SIGTERM: threads joined, nothing written
};

}  // namespace smtni::experiments
