// Who a process runs as: "root", "1000", "name:group", "1000:1000" or "" looked up in the container's own /etc/passwd and
// /etc/group by the rules of moby/sys/user (which runc and Docker use): a number is an id and never a name, the first entry counts,
// short lines and blanks around them are fine, and who is given a group has that group alone. By plain bounded reading: no NSS, no
// libc parser, whatever a build put into those files.
#pragma once

#include <sys/types.h>

#include <cstddef>

namespace concourse::os {

inline constexpr std::size_t kMaxGroups = 256;  // supplementary; the rest is left out
inline constexpr std::size_t kMaxHome = 512;

struct User {
  uid_t uid = 0;
  gid_t gid = 0;
  gid_t groups[kMaxGroups];
  std::size_t group_count = 0;
  char home[kMaxHome] = "/";
};

// False if the user or the group isn't there; then `why` says which, for people.
bool look_up_user(const char* text, User& user, char* why, std::size_t why_size, const char* passwd_path = "/etc/passwd",
                  const char* group_path = "/etc/group");

}  // namespace concourse::os
