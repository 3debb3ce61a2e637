#pragma once

#include <string>

#include "services/baggageclaim/strategies/strategy.hpp"

namespace concourse::baggageclaim {

// A copy of something on the host: a directory, or else a tar archive compressed with gzip (a resource type's rootfs.tgz).
class ImportStrategy : public Strategy {
 public:
  // `follow_links`: copy what links point to (certificate directories).
  ImportStrategy(std::string path, bool follow_links) : path_(std::move(path)), follow_links_(follow_links) {}
  const char* name() const override { return "import"; }
  bool copies_data() const override { return true; }
  void materialize(const Materials& with, const VolumeDir& volume, const VolumeDir*) const override;

 private:
  std::string path_;
  bool follow_links_;
};

}  // namespace concourse::baggageclaim
