// Files that this thread creates belong to another id, while it keeps all of root's rights over files.
#pragma once

#include <cstdint>

namespace concourse::os {

// For as long as it lives, on its thread only. Throws SysError.
class ActingId {
 public:
  ActingId(std::uint32_t uid, std::uint32_t gid);
  explicit ActingId(std::uint32_t id) : ActingId(id, id) {}
  ~ActingId();
  ActingId(const ActingId&) = delete;
  ActingId& operator=(const ActingId&) = delete;

 private:
  int secure_bits_;
};

}  // namespace concourse::os
