// Writes a file or a directory tree as a tar archive (common/tar/writer.hpp says in which form).
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

// What becomes of a file's holes. Programs that don't know GNU's form for them, which are many, would extract another file under
// another name: only who is known to read it gets it.
enum class Holes { zeros, kept };

// What an archive may cost in memory, whatever the tree is like; docs/limits.md lists them all.
inline constexpr std::size_t kMaxPath = 64 << 10;           // bytes of a member's path; a tree with a longer one is an error
inline constexpr std::size_t kMaxAttributeBytes = 2 << 20;  // of one member; the rest of them is left out, and logged
inline constexpr std::size_t kMaxExtents = 128 << 10;       // parts of a file with holes; small holes become zeros then

// Writes the whole archive into `out` and closes it: cleanly, or with the exception that ended the writing. Owners are the
// container's under `view`. Files that vanish meanwhile are left out; one that shrinks is an error. Sockets are left out.
void create_tar(const TarSource& source, const IdView& view, Holes holes, BlockPipe& out) noexcept;

}  // namespace concourse::baggageclaim
