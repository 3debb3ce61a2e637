#include "common/os/container_user.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "common/testing/temp_dir.hpp"

using concourse::os::look_up_user;
using concourse::os::User;

namespace {

struct Files {
  concourse::testing::TempDir temp;
  const std::filesystem::path& dir = temp.path;
  std::string passwd = (dir / "passwd").string(), group = (dir / "group").string();

  Files(const std::string& passwd_text, const std::string& group_text) {
    std::ofstream(passwd) << passwd_text;
    std::ofstream(group) << group_text;
  }

  std::string problem;
  std::unique_ptr<User> find(const char* text) {
    auto user = std::make_unique<User>();
    char why[256] = "";
    const bool ok = look_up_user(text, *user, why, sizeof why, passwd.c_str(), group.c_str());
    problem = why;
    return ok ? std::move(user) : nullptr;
  }
};

constexpr const char* kPasswd =
    "root:x:0:0:root:/root:/bin/sh\n"
    "# comment\n"
    "broken line\n"
    "app:x:1000:1001:App:/home/app:/bin/sh\n"
    "nohome:x:7:7:::\n";
constexpr const char* kGroup = "root:x:0:\napp:x:1001:\nextra:x:50:other,app\nmore:x:51:app\n";

}  // namespace

TEST_CASE("user: by name, with home and supplementary groups") {
  Files f(kPasswd, kGroup);
  const auto app = f.find("app");
  REQUIRE(app);
  CHECK(app->uid == 1000);
  CHECK(app->gid == 1001);
  CHECK(std::string(app->home) == "/home/app");
  REQUIRE(app->group_count == 2);
  CHECK(app->groups[0] == 50);
  CHECK(app->groups[1] == 51);
}

TEST_CASE("user: by number, in passwd or not") {
  Files f(kPasswd, kGroup);
  CHECK(f.find("1000")->gid == 1001);
  const auto unknown = f.find("4242");
  REQUIRE(unknown);
  CHECK(unknown->uid == 4242);
  CHECK(unknown->gid == 0);
  CHECK(std::string(unknown->home) == "/");
  CHECK_FALSE(f.find("4294967296"));
}

TEST_CASE("user: nobody named means root, and user:group overrides the group") {
  Files f(kPasswd, kGroup);
  CHECK(f.find("")->uid == 0);
  CHECK(std::string(f.find("")->home) == "/root");
  CHECK(f.find("app:extra")->gid == 50);
  CHECK(f.find("1000:77")->gid == 77);
  CHECK(std::string(f.find("nohome")->home) == "/");
}

TEST_CASE("user: files as images have them") {
  struct Case {
    const char *passwd, *group, *text;
    unsigned uid, gid;
    std::vector<unsigned> groups;
  };
  constexpr const char* kAlpine =
      "root:x:0:0:root:/root:/bin/sh\nguest:x:405:100:guest:/dev/null:/sbin/nologin\nnobody:x:65534:65534:nobody:/:/sbin/nologin\n";
  constexpr const char* kAlpineGroups = "root:x:0:root\nwheel:x:10:root,guest\nusers:x:100:games,guest\nnogroup:x:65533:\n";
  constexpr const char* kDistroless =
      "root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin";
  constexpr const char* kNis = "+@admins::::::\nroot:x:0:0:root:/root:/bin/sh\n+::::::\n";
  constexpr const char* kShort = "  \tapp:x:1000:1001\nfive:x:1002:1003:Five\nthree:x:7\n\n bad:x:y:z\r\n1000:x:5:5::/:\n";
  for (const auto& [passwd, group, text, uid, gid, groups] : {
           Case{kAlpine, kAlpineGroups, "guest", 405, 100, {10, 100}}, Case{kAlpine, kAlpineGroups, "405", 405, 100, {10, 100}},
           Case{kAlpine, kAlpineGroups, "", 0, 0, {0, 10}},
           Case{kAlpine, kAlpineGroups, "guest:wheel", 405, 10, {}},  // a group that is named is the only one
           Case{kAlpine, kAlpineGroups, "405:405", 405, 405, {}}, Case{kAlpine, kAlpineGroups, "guest:", 405, 100, {10, 100}},
           Case{kDistroless, "root:x:0:\nnonroot:x:65532:", "nonroot", 65532, 65532, {}},
           Case{kDistroless, "", "1000:1000", 1000, 1000, {}}, Case{kNis, "+:::\nroot:x:0:\n", "root", 0, 0, {}},
           Case{kNis, "", "0", 0, 0, {}}, Case{kShort, "  web:x:33:app\nweb:x:34:\nlate:x:35:app \n", "app", 1000, 1001, {33, 35}},
           Case{kShort, "  web:x:33:app\nweb:x:34:\n", "five:web", 1002, 33, {}},          // the first of a name
           Case{kShort, "", "three", 7, 0, {}}, Case{kShort, "", "1000", 1000, 1001, {}},  // a number is never a name
       }) {
    CAPTURE(text);
    Files f(passwd, group);
    const auto user = f.find(text);
    REQUIRE(user);
    CHECK(user->uid == uid);
    CHECK(user->gid == gid);
    CHECK(std::vector<unsigned>(user->groups, user->groups + user->group_count) == groups);
  }
  Files f(kShort, "");
  CHECK_FALSE(f.find("bad"));
  CHECK_FALSE(Files(kNis, "").find("admins"));
}

TEST_CASE("user: what isn't there is named") {
  Files f(kPasswd, kGroup);
  CHECK_FALSE(f.find("ghost"));
  CHECK(f.problem == "unable to find user ghost: no matching entries in passwd file");
  CHECK_FALSE(f.find("app:ghosts"));
  CHECK(f.problem == "unable to find group ghosts: no matching entries in group file");
}

TEST_CASE("user: an image without files still has a root; lines may be long, and endless ones are skipped") {
  Files f("", "big:x:9:" + std::string(1'000'000, 'm') + "\nendless:x:10:" + std::string(2'000'000, 'm') + "\napp:x:12:\n");
  CHECK(f.find("root"));
  CHECK(f.find("root:big")->gid == 9);
  CHECK_FALSE(f.find("root:endless"));
  CHECK(f.find("root:app")->gid == 12);
  std::filesystem::remove(f.passwd);
  std::filesystem::remove(f.group);
  CHECK(f.find("root"));
  CHECK_FALSE(f.find("app"));
}

TEST_CASE("user: files without end, devices and pipes are looked at for a bounded time") {
  Files f(kPasswd, kGroup);
  std::filesystem::resize_file(f.passwd, std::uintmax_t{1} << 40);
  CHECK(f.find("app"));
  CHECK_FALSE(f.find("ghost"));
  std::filesystem::remove(f.passwd);
  for (const char* odd : {"/dev/zero", "/dev/full"}) {
    std::filesystem::create_symlink(odd, f.passwd);
    CHECK_FALSE(f.find("app"));
    CHECK(f.find("root"));
    std::filesystem::remove(f.passwd);
  }
  REQUIRE(mkfifo(f.passwd.c_str(), 0600) == 0);
  CHECK_FALSE(f.find("app"));
}
