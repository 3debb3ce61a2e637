// A container's /etc/passwd and /etc/group, whatever a build put there. The input: the user asked for, the passwd file and the
// group file, with NULs between.
#include <unistd.h>

#include <cstring>

#include "common/os/container_user.hpp"
#include "common/os/file.hpp"
#include "common/testing/fuzz.hpp"

using namespace concourse;

std::vector<std::string> concourse::testing::fuzz_seeds() {
  const auto seed = [](const std::string& user, const std::string& passwd, const std::string& group) {
    return user + '\0' + passwd + '\0' + group;
  };
  return {seed("root", "root:x:0:0:root:/root:/bin/sh\n", "root:x:0:\n"),
          seed("bob:users", "root:x:0:0::/:\nbob:x:1000:1000:Bob:/home/bob:/bin/sh", "users:x:100:bob,eve\nbob:x:1000:\n"),
          seed("1000:7", "", ""), seed("2147483648", "x\n:::::\n", "::::::::"),
          seed("a", "a:x:4294967295:-1::relative:\n" + std::string(70'000, ':') + "\na:x:1:2::/home:",
               "g:x:3:" + std::string(70'000, 'a'))};
}

void concourse::testing::fuzz_one(std::string_view input) {
  static const auto kBase = "/dev/shm/fuzz-container-user-" + std::to_string(::getpid());
  static const struct Files {
    std::string passwd = kBase + ".passwd", group = kBase + ".group";
    ~Files() {
      ::unlink(passwd.c_str());
      ::unlink(group.c_str());
    }
  } kFiles;
  const auto one = input.find('\0'), two = one == std::string_view::npos ? one : input.find('\0', one + 1);
  const std::string asked(input.substr(0, one));
  os::replace_file(kFiles.passwd, one == std::string_view::npos ? "" : input.substr(one + 1, two - one - 1));
  os::replace_file(kFiles.group, two == std::string_view::npos ? "" : input.substr(two + 1));

  os::User user;
  char why[64] = "";
  const bool found = os::look_up_user(asked.c_str(), user, why, sizeof why, kFiles.passwd.c_str(), kFiles.group.c_str());
  fuzz_check(found == (why[0] == '\0'), "a refusal says why, and nothing else does");
  fuzz_check(user.uid <= 0x7fffffff && user.gid <= 0x7fffffff, "ids are those that the peers accept");
  fuzz_check(user.group_count <= os::kMaxGroups, "groups are bounded");
  fuzz_check(user.home[0] == '/' && std::strlen(user.home) < sizeof user.home, "a home is an absolute path");
}
