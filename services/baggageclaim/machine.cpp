#include "services/baggageclaim/machine.hpp"

#include <fcntl.h>
#include <unistd.h>

#include "common/base/strings.hpp"
#include "common/os/file.hpp"

namespace concourse::baggageclaim {

namespace {

std::string take_note(const Paths& paths) {
  std::string stop(trim(os::read_file(paths.clean_stop()).value_or("")));
  if (!stop.empty()) {
    ::unlink(paths.clean_stop().c_str());
    os::fsync_directory(paths.volumes());
  }
  return stop;
}

}  // namespace

Machine Machine::look(const Paths& paths) {
  std::string boot(trim(os::read_existing_file("/proc/sys/kernel/random/boot_id")));
  return {std::move(boot), take_note(paths)};
}

void Machine::look_again(const Paths& paths) {
  const auto stop = take_note(paths);
  if (clean_stop_.empty()) clean_stop_ = stop;
}

void Machine::note_clean_stop(const Paths& paths) const {
  os::replace_file(paths.clean_stop(), boot_id_ + "\n");
  for (const auto& directory : {paths.volumes(), paths.overlays()})
    if (!directory.empty() && fs::exists(directory)) ::syncfs(os::open_file(directory, O_RDONLY | O_DIRECTORY).get());
}

}  // namespace concourse::baggageclaim
