#include "common/os/user_directory.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "common/testing/temp_dir.hpp"

using namespace concourse;
namespace fs = std::filesystem;

namespace {

uid_t owner(const fs::path& path) {
  struct stat st {};
  REQUIRE(::lstat(path.c_str(), &st) == 0);
  return st.st_uid;
}

// Enters, says where that is, and comes back.
std::string entered(const fs::path& path, uid_t id, int expected = 0) {
  const auto before = fs::current_path();
  CHECK(os::enter_user_directory(path.c_str(), id, id) == expected);
  const auto here = fs::current_path();
  fs::current_path(before);
  return here.string();
}

}  // namespace

TEST_CASE("user directory: what is missing is made, the user's own, and what is there stays as it is") {
  const testing::TempDir temp;
  const auto root = fs::canonical(temp.path);
  const uid_t id = ::geteuid() == 0 ? 1234 : ::geteuid();
  fs::create_directory(root / "there");
  fs::create_directory_symlink("there", root / "link");
  CHECK(entered(root / "link/../there/a/b", id) == root / "there/a/b");
  CHECK(owner(root / "there") == ::geteuid());
  CHECK(owner(root / "there/a") == id);
  CHECK(owner(root / "there/a/b") == id);
  CHECK(entered(root / "link//a/b/", id) == root / "there/a/b");
  CHECK(entered("/", id) == "/");
}

TEST_CASE("user directory: nothing is made by way of a link to nowhere, or of one in /proc") {
  const testing::TempDir temp;
  fs::create_symlink(temp.path / "absent", temp.path / "link");
  entered(temp.path / "link/x", 0, ENOENT);
  CHECK_FALSE(fs::exists(temp.path / "absent"));
  entered("/proc/self/cwd/made-through-proc", 0, ELOOP);
  entered(temp.path / std::string(300, 'x'), 0, ENAMETOOLONG);
}
