// The file `walking` in a volume's directory: its owners are being changed one by one. If the server dies meanwhile, the next
// one finds it and walks again.
#pragma once

#include "services/baggageclaim/paths.hpp"

namespace concourse::baggageclaim {

class WalkMarker {
 public:
  // Durable when it returns. Removed when dropped, except by an exception: then the walk isn't complete.
  explicit WalkMarker(const VolumeDir& volume);
  ~WalkMarker();
  WalkMarker(const WalkMarker&) = delete;
  WalkMarker& operator=(const WalkMarker&) = delete;

  static bool exists(const VolumeDir& volume);

 private:
  const VolumeDir volume_;
  const int exceptions_;
};

}  // namespace concourse::baggageclaim
