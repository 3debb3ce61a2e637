// How many live volumes there are of each kind, by the strategy that made them.
#pragma once

#include <map>
#include <string>

#include "services/baggageclaim/filesystem.hpp"

namespace concourse::baggageclaim {

class VolumeKinds {  // of one thread
 public:
  // By kind: "empty", "import", "cow", or "unknown" for one whose making nothing tells of (an earlier version's). Kinds never
  // change, so only volumes that are new since the last call cost a read.
  std::map<std::string, std::size_t> count(const Filesystem& filesystem);

 private:
  std::map<std::string, std::string> known_;  // by handle
};

}  // namespace concourse::baggageclaim
