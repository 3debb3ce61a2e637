#include "services/baggageclaim/walk_marker.hpp"

#include <unistd.h>

#include <exception>

#include "common/os/file.hpp"

namespace concourse::baggageclaim {

WalkMarker::WalkMarker(const VolumeDir& volume) : volume_(volume), exceptions_(std::uncaught_exceptions()) {
  os::write_file_durably(volume.file(kWalkingFile), "");
}

WalkMarker::~WalkMarker() {
  if (std::uncaught_exceptions() == exceptions_) ::unlink(volume_.file(kWalkingFile).c_str());
}

bool WalkMarker::exists(const VolumeDir& volume) { return ::access(volume.file(kWalkingFile).c_str(), F_OK) == 0; }

}  // namespace concourse::baggageclaim
