// The file `walking` in a volume's directory: its owners are being changed one by one. If the server dies meanwhile, the next
// one finds it and walks again.
#pragma once

#include "services/baggageclaim/paths.hpp"

namespace concourse::baggageclaim {

class WalkMarker {
 public:
  // Durable when it returns. Removed when dropped, except by an exception: then the walk isn't complete.
  // `repeatable`: whether a walk that was cut short may simply be done again.
  explicit WalkMarker(const VolumeDir& volume, bool repeatable = true);
  ~WalkMarker();
  WalkMarker(const WalkMarker&) = delete;
  WalkMarker& operator=(const WalkMarker&) = delete;

  // What a dead server has left: nothing, a walk to be repeated, or one that can't be.
  enum class Left { nothing, repeatable, ruined };
  static Left left(const VolumeDir& volume);

 private:
  const VolumeDir volume_;
  const int exceptions_;
};

}  // namespace concourse::baggageclaim
