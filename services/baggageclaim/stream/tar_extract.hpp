// Reads a tar archive (ustar, GNU, pax) and writes its members with a DiskWriter.
#pragma once

#include <functional>

#include "services/baggageclaim/stream/block_pipe.hpp"
#include "services/baggageclaim/stream/disk_writer.hpp"
#include "services/baggageclaim/stream/limits.hpp"
#include "services/baggageclaim/uidgid/id_view.hpp"

namespace concourse::baggageclaim {

struct ExtractOptions {
  IdView view = IdView::plain();  // the archive's ids are the container's
  bool devices = false;           // character and block devices may be made
  StreamLimits limits;
  mode_t implicit_mode = 0755;  // of directories that no member names
  std::function<void()> room;   // if given, called now and then; what it throws ends the extraction
};

// Extracts the archive that comes out of `in` into the directory `root`, on the calling thread, whose fsuid and fsgid must be
// view.root(). Returns after the archive's end, with what may follow it unread. Throws bad_archive for a bad archive, what `in`
// throws, and SysError. What was extracted before an error is left where it is.
void extract_tar(BlockPipe& in, int root, const ExtractOptions& options);

}  // namespace concourse::baggageclaim
