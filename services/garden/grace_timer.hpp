// Destroys containers that nobody has used for their grace time. Off for a container whose grace time is 0, which is every one
// that a web node makes.
//
// In use is a container with a request under way or a client attached to one of its processes; the time begins anew at the end.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "services/garden/container_store.hpp"

namespace concourse::garden {

class GraceTimer {
 public:
  explicit GraceTimer(ContainerStore& store);  // starts a thread of its own
  ~GraceTimer();

 private:
  void run();
  void look_at(const std::string& handle);

  ContainerStore& store_;
  std::mutex mutex_;  // guards stopping_
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace concourse::garden
