#include "services/baggageclaim/strategies/import_strategy.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include "common/base/error.hpp"
#include "common/os/file.hpp"
#include "services/baggageclaim/disk/beneath.hpp"
#include "services/baggageclaim/disk/tree_copy.hpp"
#include "services/baggageclaim/stream/file_source.hpp"
#include "services/baggageclaim/stream/stream_in.hpp"

namespace concourse::baggageclaim {

void ImportStrategy::materialize(const Materials& with, const VolumeDir& volume, const VolumeDir*) const {
  struct stat status {};
  if (::stat(path_.c_str(), &status) != 0) throw SysError("import '" + path_ + "'");
  with.driver.create(volume);
  const auto target = open_directory(with.driver.content(volume));
  if (S_ISDIR(status.st_mode)) {
    const auto source = os::open_file(path_, O_RDONLY | O_DIRECTORY);
    CopyOptions options{.follow_links = follow_links_, .map_id = {}, .stop = with.stop};
    // The source may be the data path of an unprivileged volume, where container root is the highest id.
    if (with.driver.maps_ids() && with.policy.max)
      options.map_id = [view = IdView::privileged(*with.policy.max)](std::uint32_t id) { return view.settle(id); };
    return copy_tree(source.get(), target.get(), options);
  }
  FileSource file(path_, with.stop);
  // An image of a root file system: device nodes included, whoever the volume is for.
  extract_archive(target.get(), file, Encoding::gzip,
                  {.view = IdView::plain(), .devices = true, .limits = StreamLimits::none(), .implicit_mode = 0755});
}

}  // namespace concourse::baggageclaim
