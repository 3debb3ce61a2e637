// Writes a file or a directory tree as a tar archive (pax: times with nanoseconds, long names, big ids, holes, attributes).
#pragma once

#include <sys/stat.h>

#include <string>

#include "common/base/unique_fd.hpp"
#include "services/baggageclaim/stream/block_pipe.hpp"
#include "services/baggageclaim/uidgid/id_view.hpp"

namespace concourse::baggageclaim {

// What is going to be archived, opened while the client can still be told that it isn't there.
struct TarSource {
  UniqueFd fd;       // O_PATH
  std::string name;  // a file's name in the archive; a directory's members begin with "./"
  struct stat status {};
};

// `path` in the directory `root`. A link at its end is followed, inside the volume. Throws ClientError 404 with the text that
// clients know if there is no such file.
TarSource open_tar_source(int root, const std::string& path);

// Writes the whole archive into `out` and closes it: cleanly, or with the exception that ended the writing. Owners are the
// container's under `view`. Files that vanish meanwhile are left out; one that shrinks is an error. Sockets are left out.
void create_tar(const TarSource& source, const IdView& view, BlockPipe& out) noexcept;

}  // namespace concourse::baggageclaim
