#include "services/garden/rootfs.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "common/base/error.hpp"
#include "common/base/strings.hpp"
#include "common/os/file.hpp"
#include "common/testing/temp_dir.hpp"

using namespace concourse;
using namespace concourse::garden;
namespace fs = std::filesystem;

namespace {

struct Root {
  testing::TempDir temp;
  const fs::path& dir = temp.path;
  ContainerSpec spec;

  Root() {
    for (const char* name : {"dev", "proc", "sys", "etc", "tmp"}) os::make_directories(dir / name);
    spec.rootfs = dir.string();
  }

  void link(const std::string& name, const std::string& target) {
    fs::remove_all(dir / name);
    fs::create_symlink(target, dir / name);
  }
  // What is said of it, without its beginning, or nothing.
  std::string refusal() const {
    try {
      check_rootfs(spec);
      return "";
    } catch (const Error& e) {
      const std::string text = e.what(), beginning = "rootfs '" + spec.rootfs + "': its ";
      return text.starts_with(beginning) ? text.substr(beginning.size()) : text;
    }
  }
  std::string refusal_of_mount_on(const std::string& destination) {
    spec.bind_mounts = {{"/s", destination, false}};
    return refusal();
  }
};

}  // namespace

TEST_CASE("rootfs: an ordinary one, and an empty one, are fine") {
  Root root;
  CHECK(root.refusal().empty());
  std::ofstream(root.dir / "etc/hosts") << "x";
  root.link("etc/resolv.conf", "../run/not/there");
  CHECK(root.refusal_of_mount_on("/tmp/build/new").empty());
  fs::remove_all(root.dir / "dev");
  fs::remove_all(root.dir / "etc");
  CHECK(root.refusal().empty());
}

TEST_CASE("rootfs: what the runtime mounts its own on must be directories") {
  for (const char* name : {"dev", "proc", "sys"}) {
    Root root;
    root.link(name, "/tmp");
    CHECK(root.refusal() == "'/" + std::string(name) + "' must be a directory, or not be there");
    fs::remove(root.dir / name);
    std::ofstream(root.dir / name) << "x";
    CHECK(root.refusal() == "'/" + std::string(name) + "' must be a directory, or not be there");
  }
}

TEST_CASE("rootfs: nothing is mounted on pipes and devices, however they are reached") {
  Root root;
  REQUIRE(::mkfifo((root.dir / "tmp/pipe").c_str(), 0600) == 0);
  root.link("etc/hosts", "/tmp/pipe");
  CHECK(root.refusal() == "'/etc/hosts' is neither a file nor a directory: nothing can be mounted on it");
  fs::remove(root.dir / "etc/hosts");
  CHECK(root.refusal_of_mount_on("/tmp/../tmp/./pipe").ends_with("nothing can be mounted on it"));
}

TEST_CASE("rootfs: no link leads a mount to what is the container's own") {
  Root root;
  root.link("tmp/up", "../../../..");
  root.link("tmp/abs", "/proc");
  root.link("tmp/chain", "abs/self");
  root.link("tmp/loop", "loop");
  for (const auto& [destination, place] : std::map<std::string, std::string>{{"/tmp/up", "/"},
                                                                             {"/tmp/up/dev", "/dev"},
                                                                             {"/tmp/abs", "/proc"},
                                                                             {"/tmp/abs/sys/kernel", "/proc/sys/kernel"},
                                                                             {"/tmp/chain/attr", "/proc/self/attr"}})
    CHECK(root.refusal_of_mount_on(destination) == "'" + destination + "' leads to '" + place + "', which is the container's own");
  CHECK(root.refusal_of_mount_on("/tmp/up/tmp/x").empty());
  CHECK(root.refusal_of_mount_on("/tmp/loop/x").empty());  // the kernel won't follow it either
}
