#pragma once

#include <string>

#include "services/baggageclaim/strategies/strategy.hpp"

namespace concourse::baggageclaim {

// A copy-on-write child of a live volume, itself copy-on-write or not.
class CowStrategy : public Strategy {
 public:
  explicit CowStrategy(std::string parent) : parent_(std::move(parent)) {}
  const char* name() const override { return "cow"; }
  std::optional<std::string> parent() const override { return parent_; }
  void materialize(const Materials& with, const VolumeDir& volume, const VolumeDir* parent) const override {
    with.driver.create_copy(volume, *parent);
  }

 private:
  std::string parent_;
};

}  // namespace concourse::baggageclaim
