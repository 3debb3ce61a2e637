#pragma once

#include "services/baggageclaim/strategies/strategy.hpp"

namespace concourse::baggageclaim {

class EmptyStrategy : public Strategy {
 public:
  const char* name() const override { return "empty"; }
  void materialize(const Materials& with, const VolumeDir& volume, const VolumeDir*) const override { with.driver.create(volume); }
};

}  // namespace concourse::baggageclaim
