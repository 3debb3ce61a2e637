#include "services/baggageclaim/record_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "common/base/error.hpp"
#include "common/base/scope_exit.hpp"
#include "common/base/strings.hpp"
#include "common/os/file.hpp"

namespace concourse::baggageclaim {

void write_record(const VolumeDir& volume, const char* file, std::string_view content) {
  const auto path = volume.file(file);
  const bool seen = volume.stage != Stage::init;
  const auto written = seen ? path.string() + ".tmp-" + random_hex(4) : path.string();
  // A file that is cut and written again is sent to the disk when it is closed (ext4, xfs, btrfs); a new one isn't.
  if (!seen && ::unlink(written.c_str()) != 0 && errno != ENOENT) throw SysError("replace '" + path.string() + "'");
  const auto fd = os::open_file(written, O_WRONLY | O_CREAT | O_EXCL);
  ScopeExit clean([&] { ::unlink(written.c_str()); });
  os::write_all(fd.get(), content, "write '" + path.string() + "'");
  if (seen) {
    if (::fsync(fd.get()) != 0) throw SysError("flush '" + path.string() + "'");
    // The directory isn't flushed: the rename may come to the disk late, but not after what is done next.
    if (::rename(written.c_str(), path.c_str()) != 0) throw SysError("rename '" + written + "'");
  }
  clean.dismiss();
}

}  // namespace concourse::baggageclaim
