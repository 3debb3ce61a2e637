// What several unit tests need.
#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>
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

// Directories in each other below `root`, `depth` of them, in the last one `file` and its hard link "other". No path is needed.
inline const char* const kDeepName = "nnnnnnnnnnnnnnnnn";
inline void make_deep(const fs::path& root, int depth, const char* file = "file") {
  auto at = os::open_file(root, O_RDONLY | O_DIRECTORY);
  for (int i = 0; i < depth; ++i) {
    REQUIRE(::mkdirat(at.get(), kDeepName, 0755) == 0);
    at.reset(::openat(at.get(), kDeepName, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  REQUIRE(::close(::openat(at.get(), file, O_CREAT | O_WRONLY | O_CLOEXEC, 0600)) == 0);
  REQUIRE(::linkat(at.get(), file, at.get(), "other", 0) == 0);
}

// As long as it lives this process may have no more descriptors than `count`.
class FewDescriptors {
 public:
  explicit FewDescriptors(rlim_t count) {
    CHECK(::getrlimit(RLIMIT_NOFILE, &before_) == 0);
    const rlimit few{count, before_.rlim_max};
    CHECK(::setrlimit(RLIMIT_NOFILE, &few) == 0);
  }
  ~FewDescriptors() { CHECK(::setrlimit(RLIMIT_NOFILE, &before_) == 0); }
  FewDescriptors(const FewDescriptors&) = delete;
  FewDescriptors& operator=(const FewDescriptors&) = delete;

 private:
  rlimit before_{};
};

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
