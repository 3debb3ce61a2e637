#include "services/baggageclaim/walk_marker.hpp"

#include <unistd.h>

#include <exception>

#include "common/os/file.hpp"
#include "services/baggageclaim/record_file.hpp"

namespace concourse::baggageclaim {

namespace {
constexpr std::string_view kRepeatable = "repeatable\n", kOnce = "once\n";
}

WalkMarker::WalkMarker(const VolumeDir& volume, bool repeatable) : volume_(volume), exceptions_(std::uncaught_exceptions()) {
  write_record(volume, kWalkingFile, repeatable ? kRepeatable : kOnce);
}

WalkMarker::~WalkMarker() {
  if (std::uncaught_exceptions() == exceptions_) ::unlink(volume_.file(kWalkingFile).c_str());
}

WalkMarker::Left WalkMarker::left(const VolumeDir& volume) {
  const auto text = os::read_file(volume.file(kWalkingFile));
  if (!text) return Left::nothing;
  return *text == kOnce ? Left::ruined : Left::repeatable;
}

}  // namespace concourse::baggageclaim
