#include "services/garden/network/port_pool.hpp"

#include "common/base/error.hpp"

namespace concourse::garden {

std::uint16_t PortPool::take() {
  const std::lock_guard lock(mutex_);
  for (int i = 0; i < kCount; ++i) {
    const auto port = next_;
    next_ = port == kFirst + kCount - 1 ? kFirst : static_cast<std::uint16_t>(port + 1);
    if (taken_.insert(port).second) return port;
  }
  throw Error(ErrorKind::exhausted, "no free host port for a mapping");
}

void PortPool::take(std::uint16_t port) {
  const std::lock_guard lock(mutex_);
  if (!taken_.insert(port).second) throw Error(ErrorKind::conflict, "host port " + std::to_string(port) + " is mapped already");
}

void PortPool::give_back(std::uint16_t port) {
  const std::lock_guard lock(mutex_);
  taken_.erase(port);
}

}  // namespace concourse::garden
