// Makes a directory for a user of a container, as the container's root, in a tree that others of its users change meanwhile. Uses
// nothing but libc, neither exceptions nor memory, so that the init inside containers can do it too.
#pragma once

#include <sys/types.h>

namespace concourse::os {

// Makes what is missing of `path`, each new part the user's own, and enters it; a relative one begins here. Part by part, from one
// descriptor to the next: links that are there are followed, as chdir(2) does, but nothing is made by way of one in /proc. A new
// part is given away by its descriptor, and only if that is an empty directory of ours: who swaps another for it in that moment
// gains nothing. Returns 0, or errno; then it may have made some of the parts.
int enter_user_directory(const char* path, uid_t uid, gid_t gid);

}  // namespace concourse::os
