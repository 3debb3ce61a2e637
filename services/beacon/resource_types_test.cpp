#include "services/beacon/resource_types.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <map>

#include "common/base/scope_exit.hpp"
#include "common/os/file.hpp"
#include "common/testing/temp_dir.hpp"

using namespace concourse;
using namespace concourse::beacon;

namespace {

namespace fs = std::filesystem;

struct TypesFolder {
  testing::TempDir temp;
  const fs::path& path = temp.path;

  void add(const std::string& entry, const std::string& metadata, bool image = true) const {
    os::make_directories(path / entry);
    os::replace_file(path / entry / "resource_metadata.json", metadata);
    if (image) os::replace_file(path / entry / "rootfs.tgz", "x");
  }
};

}  // namespace

TEST_CASE("resource types: in the order of their folders, with what the metadata leaves out") {
  const TypesFolder folder;
  folder.add("b", R"({"type":"git","version":"1.2","privileged":true,"unique_version_history":true})");
  folder.add("a", R"({"type":"time"})");
  const auto types = discover_resource_types(folder.path, [](const std::string& entry, const std::string&) { FAIL(entry); });
  REQUIRE(types.size() == 2);
  CHECK(types[0].type == "time");
  CHECK(types[0].version == "");
  CHECK_FALSE(types[0].privileged);
  CHECK(types[1].image == (folder.path / "b" / "rootfs.tgz").string());
  CHECK(types[1].privileged);
  CHECK(types[1].unique_version_history);
}

TEST_CASE("resource types: what can't be used is told with its reason and left out") {
  const TypesFolder folder;
  folder.add("good", R"({"type":"git"})");
  folder.add("same", R"({"type":"git"})");
  folder.add("hollow", R"({"type":"x"})", false);
  folder.add("broken", "{");
  folder.add("list", "[]");
  folder.add("nameless", R"({"version":"1"})");
  folder.add("wrong", R"({"type":"y","privileged":"yes"})");
  os::make_directories(folder.path / "empty");
  os::replace_file(folder.path / "stray", "");
  std::map<std::string, std::string> reasons;
  const auto types =
      discover_resource_types(folder.path, [&](const std::string& entry, const std::string& reason) { reasons[entry] = reason; });
  REQUIRE(types.size() == 1);
  CHECK(types[0].image == (folder.path / "good" / "rootfs.tgz").string());
  const auto has = [&reasons](const char* entry, const char* words) { return reasons[entry].find(words) != std::string::npos; };
  CHECK(has("same", "'git'"));
  CHECK(has("hollow", "rootfs.tgz"));
  CHECK(has("broken", "not valid JSON"));
  CHECK(has("list", "not a JSON object"));
  CHECK(has("nameless", "names no type"));
  CHECK(has("wrong", "'privileged'"));
  CHECK(has("empty", "resource_metadata.json"));
  CHECK(has("stray", "not a folder"));
  CHECK(discover_resource_types(folder.path / "nowhere", {}).empty());
}
