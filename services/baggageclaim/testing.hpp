// What several unit tests need.
#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "common/base/error.hpp"
#include "common/base/strings.hpp"
#include "common/base/unique_fd.hpp"
#include "common/os/file.hpp"
#include "common/testing/temp_dir.hpp"
#include "services/baggageclaim/testing_streams.hpp"

namespace concourse::baggageclaim::testing {

namespace fs = std::filesystem;

struct TempDir : concourse::testing::TempDir {
  // /var/tmp is on a disk where /tmp may be a tmpfs, and a tmpfs knows fewer attributes.
  TempDir() : concourse::testing::TempDir("/var/tmp") {}
  UniqueFd open() const { return os::open_file(path, O_RDONLY | O_DIRECTORY); }
  void write(const fs::path& name, const std::string& content = "x", mode_t mode = 0644) const {
    fs::create_directories((path / name).parent_path());
    os::replace_file(path / name, content, mode);
    fs::permissions(path / name, static_cast<fs::perms>(mode));
  }
};

inline struct stat lstat_of(const fs::path& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) throw SysError("stat '" + path.string() + "'");
  return status;
}

// True, with a loud message, where a test needs root and hasn't got it; a failure with STRICT=1.
inline bool skip_without_root() {
  if (::geteuid() == 0) return false;
  MESSAGE("skipped: needs root");
  const char* strict = std::getenv("STRICT");
  CHECK_MESSAGE((strict == nullptr || std::string(strict) == "0" || std::string(strict).empty()),
                "skipped, which STRICT=1 doesn't allow");
  return true;
}

}  // namespace concourse::baggageclaim::testing
