// The end of network links. A link is gone for everybody as soon as the kernel has taken it from its lists, and it announces
// that; but it keeps who deleted it waiting until the last reader of its memory is done (RCU), twenty times as long. Nobody has
// to wait for that part.
#pragma once

#include <future>
#include <list>
#include <mutex>
#include <string>

namespace concourse::garden {

// Thread-safe. Its own end waits for the kernel.
class LinkRemoval {
 public:
  // When it returns, there is no such link. False if there was none before. Throws SysError.
  bool remove(const std::string& link);

 private:
  void keep_until_freed(std::future<bool> deletion);

  std::mutex mutex_;
  std::list<std::future<bool>> deletions_;  // whose links are gone, and not yet freed
};

}  // namespace concourse::garden
