// The cgroup of a container, v1 and v2: what the kernel counts for it, and its end.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "common/base/deadline.hpp"
#include "common/base/unique_fd.hpp"

namespace concourse::os {

class Cgroup {
 public:
  // `path`: the container's, from the root of each hierarchy ("/concourse-1a2b3c4d/handle").
  Cgroup(bool unified, std::string path, std::filesystem::path mounts = "/sys/fs/cgroup")
      : unified_(unified), path_(std::move(path)), mounts_(std::move(mounts)) {}

  bool unified() const { return unified_; }

  // Everything below is 0 or empty for a controller or a number that isn't there.
  std::map<std::string, std::uint64_t> memory_stat() const;  // the kernel's names
  std::uint64_t memory_peak() const;                         // bytes
  std::uint64_t oom_kills() const;
  // Becomes readable when the memory limit is hit; the kill is counted soon afterwards. Nothing where the kernel can't tell.
  // Read it (any amount) to arm it again.
  std::optional<UniqueFd> oom_event() const;
  std::uint64_t cpu_usage_ns() const;
  std::uint64_t cpu_user_ns() const;
  std::uint64_t cpu_system_ns() const;
  std::uint64_t pids_current() const;
  std::uint64_t pids_max() const;  // 0: no limit

  // Kills whatever is in it and in its children, and removes them, in every hierarchy. Throws Error at the deadline.
  void remove(Deadline deadline) const;

 private:
  std::filesystem::path file(const char* controller, const char* name) const;
  std::uint64_t number(const char* controller, const char* name) const;
  std::map<std::string, std::uint64_t> table(const char* controller, const char* name) const;

  const bool unified_;
  const std::string path_;
  const std::filesystem::path mounts_;
};

}  // namespace concourse::os
