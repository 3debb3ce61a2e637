// User namespaces whose only purpose is their id map, for id-mapped mounts.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>

#include "common/base/unique_fd.hpp"
#include "services/baggageclaim/uidgid/id_map.hpp"

namespace concourse::baggageclaim {

// A new namespace with the map, for ids 0…max. Throws SysError where user namespaces aren't allowed.
UniqueFd make_user_namespace(const IdMap& map, std::uint32_t max);

// Keeps those that were used last: making one takes a process. Thread-safe.
class UserNamespaces {
 public:
  explicit UserNamespaces(std::uint32_t max) : max_(max) {}
  std::uint32_t max() const { return max_; }
  std::shared_ptr<const UniqueFd> get(const IdMap& map);

 private:
  static constexpr std::size_t kKept = 16;
  const std::uint32_t max_;
  std::mutex mutex_;  // guards the rest
  struct Entry {
    std::shared_ptr<const UniqueFd> fd;
    std::uint64_t used = 0;
  };
  std::map<IdMap, Entry> made_;
  std::uint64_t clock_ = 0;
};

}  // namespace concourse::baggageclaim
