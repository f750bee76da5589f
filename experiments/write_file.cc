#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "core/posix.h"
#include "experiments/writers.h"

namespace smtni::experiments {
namespace {

// Removes the temporary file unless it has been renamed.
class Temporary {
 public:
  explicit Temporary(std::string path) : path_(std::move(path)) {}
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;
  ~Temporary() {
    if (!path_.empty()) ::unlink(path_.c_str());
  }
  [[nodiscard]] bool rename_to(const std::string& path) {
    if (::rename(path_.c_str(), path.c_str()) != 0) return false;
    path_.clear();
    return true;
  }

 private:
  std::string path_;
};

Result<void> write_all(int file, std::string_view text, const std::string& path) {
  while (!text.empty()) {
    const ssize_t written = ::write(file, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return system_failure("write " + path, errno);
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  if (::fsync(file) != 0) return system_failure("fsync " + path, errno);
  return {};
}

// The file that `path` leads to. Only a regular file may be replaced: a rename onto /dev/stdout or
// a pipe would destroy it.
Result<std::string> target_of(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::file_type type = fs::status(path, error).type();
  if (type == fs::file_type::not_found) return path;
  if (type != fs::file_type::regular) {
    return failure(Error::Kind::invalid, "write " + path + ": not a regular file");
  }
  if (!fs::is_symlink(path, error)) return path;
  return fs::canonical(path, error).string();
}

// Makes the new name itself durable. Some file systems cannot, and the file is whole either way.
void flush_directory(const std::string& directory) {
  const Fd opened(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (opened.is_open()) (void)::fsync(opened.get());
}

Result<void> make_directory(const std::string& directory) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) return system_failure("create directory " + directory, error.value());
  return {};
}

std::string directory_of(const std::string& path) {
  const std::string parent = std::filesystem::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

struct Opened {
  std::string target;
  Fd file;
  std::string name;
};

// A new temporary file beside the one that `path` leads to.
Result<Opened> open_beside(const std::string& path) {
  Result<std::string> target = target_of(path);
  if (!target) return tl::unexpected(target.error());
  if (auto made = make_directory(directory_of(*target)); !made) {
    return tl::unexpected(made.error());
  }
  std::string name = *target + ".XXXXXX";
  Fd file(::mkostemp(name.data(), O_CLOEXEC));
  if (!file.is_open()) return system_failure("create a file beside " + *target, errno);
  return Opened{*std::move(target), std::move(file), std::move(name)};
}

}  // namespace

Result<void> can_write_file(const std::string& path) {
  const auto opened = open_beside(path);
  if (!opened) return tl::unexpected(opened.error());
  const Temporary temporary(opened->name);
  return {};
}

Result<void> write_file(const std::string& path, std::string_view text) {
  const auto opened = open_beside(path);
  if (!opened) return tl::unexpected(opened.error());
  const auto& [target, file, name] = *opened;
  Temporary temporary(name);
  constexpr mode_t kReadableByAll = 0644;  // mkostemp gives 0600
  if (::fchmod(file.get(), kReadableByAll) != 0) return system_failure("fchmod " + name, errno);
  if (auto written = write_all(file.get(), text, target); !written) return written;
  if (!temporary.rename_to(target)) return system_failure("rename to " + target, errno);
  flush_directory(directory_of(target));
  return {};
}

}  // namespace smtni::experiments
