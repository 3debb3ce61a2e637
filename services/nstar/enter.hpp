// Puts this process where a container's user stands: in the container's user namespace, below its root, with the user's ids
// and no more capabilities than the container has.
#pragma once

#include <string>

#include "common/os/container_user.hpp"

namespace concourse::nstar {

// Steps into the container whose init's /proc directory is `proc`, and closes that: user namespace and root, as the container's
// root. The pid and mount namespaces stay ours, so that nothing in the container sees this process. Single-threaded callers only.
// Looks `user` up in the container (common/os/container_user.hpp) and stands in its home, or in / if it has none that can be
// entered.
os::User enter_container(int proc, const std::string& user);

// Becomes the user, for good: ids, groups, umask, and for root only the capabilities that the container's init may have. From
// then on nothing can be executed or loaded as code, and the root can't be left: whatever tempts a library to load a file below
// the container's root, it fails.
void become(const os::User& user);

// Makes what is missing of `path`, each new directory the user's own, and enters it.
void make_and_enter(const std::string& path, const os::User& user);

}  // namespace concourse::nstar
