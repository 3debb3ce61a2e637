#pragma once

#include "services/baggageclaim/strategies/strategy.hpp"

namespace concourse::baggageclaim {

class EmptyStrategy : public Strategy {
 public:
  void materialize(const Materials& with, const VolumeDir& volume, const VolumeDir*) const override { with.driver.create(volume); }
};

}  // namespace concourse::baggageclaim
