// Host ports for net-in mappings that don't name one. Thread-safe.
#pragma once

#include <cstdint>
#include <mutex>
#include <set>

namespace concourse::garden {

class PortPool {
 public:
  // guardian's range: below it are the ports of outgoing connections.
  static constexpr std::uint16_t kFirst = 61001, kCount = 4534;

  std::uint16_t take();           // throws Error(exhausted)
  void take(std::uint16_t port);  // any port; throws Error(conflict) if it is taken
  void give_back(std::uint16_t port);

 private:
  std::mutex mutex_;  // guards the rest
  std::set<std::uint16_t> taken_;
  std::uint16_t next_ = kFirst;
};

}  // namespace concourse::garden
