// A directory of a test's own. Empty at first, and gone with the object, also when the test ends early.
#pragma once

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

namespace concourse::testing {

class TempDir {
 public:
  // `below`: another place than /tmp, for what needs a real disk.
  explicit TempDir(const std::filesystem::path& below = "/tmp") {
    std::string name = (below / "concourse-test-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::system_error(errno, std::generic_category(), "make '" + name + "'");
    path = name;
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }

  std::filesystem::path path;
};

}  // namespace concourse::testing
