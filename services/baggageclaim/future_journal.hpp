// Asynchronous creations that the web has asked for and not yet forgotten, kept in the runtime directory: so that a poll after a
// restart gets the volume, or waits for one that is made again, instead of a 404 that fails the build.
//
// One file a future, its request as JSON. Not flushed: after a reboot the directory is empty and nobody polls any more.
#pragma once

#include <string>
#include <vector>

#include "common/protocol/baggageclaim.hpp"
#include "services/baggageclaim/paths.hpp"

namespace concourse::baggageclaim {

class FutureJournal {
 public:
  // An empty directory: nothing is kept.
  explicit FutureJournal(fs::path directory);

  struct Kept {
    protocol::baggageclaim::VolumeRequest request;
    std::string request_id;  // of log_request.hpp; empty when an older one kept it
  };

  void keep(const protocol::baggageclaim::VolumeRequest& request);
  void drop(const std::string& handle);
  // Those of an earlier process. What can't be read is removed.
  std::vector<Kept> kept() const;

 private:
  fs::path path(const std::string& handle) const { return directory_ / handle; }
  fs::path directory_;
};

}  // namespace concourse::baggageclaim
