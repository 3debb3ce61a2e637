// Tar archives between the working directory and a stream, as GNU tar's -x and -c with --no-same-owner, --no-same-permissions
// and --xattrs do it. Whoever wrote the archive or the directory can do no more than the user that this process is.
#pragma once

#include <string>

namespace concourse::nstar {

// Reads an archive (ustar, GNU, pax) from `fd` to its end and extracts it here: files become the user's, modes are cut by the
// umask, what is in the way of a file is replaced. Throws Error naming the member that failed; earlier ones stay.
void extract(int fd);

// Writes `name`, and what is below it, as a pax archive to `fd`. Owners are the container's, holes
// are zeros. What vanishes meanwhile is left
// out, and so are sockets. Nothing is written before `name` was found.
void create(const std::string& name, int fd);

}  // namespace concourse::nstar
