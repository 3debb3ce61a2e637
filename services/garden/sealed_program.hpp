// A copy of a program in memory that nobody can change any more (memfd_create(2), sealed). An OCI runtime must not be changed by a
// container, which sees it in /proc/PID/exe while it is made: so crun copies itself, by mounts, and starts anew, for every
// container. One that finds itself sealed doesn't.
#pragma once

#include <sys/stat.h>

#include <string>

#include "common/base/unique_fd.hpp"

namespace concourse::garden {

class SealedProgram {
 public:
  // Where the kernel refuses (vm.memfd_noexec), there is none.
  explicit SealedProgram(std::string path);

  // Its descriptor, ours; -1 if there is none, or if the file isn't the one that was copied any more.
  int fd() const;

 private:
  const std::string path_;
  struct stat copied_ {};
  UniqueFd fd_;
};

}  // namespace concourse::garden
