// Copies trees as `cp -a` does, sharing blocks where the file system can.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>

namespace concourse::baggageclaim {

struct CopyOptions {
  // Copy what links point to, owned by root with modes cut by the umask and times of now (`cp -Lr`), instead of the links and
  // all attributes (`cp -a`).
  bool follow_links = false;
  // Applied to every owner that is kept.
  std::function<std::uint32_t(std::uint32_t)> map_id;
  std::stop_token stop;
};

// Copies what is in the directory `source` into the directory `target`, which becomes like it: owners, modes, times, extended
// attributes, hard links and holes are kept (of a directory that is `target` itself too). Sockets are left out.
// However deep, wide or linked the source is, memory and open descriptors are bounded (docs/limits.md): a path in it may be 64 KiB
// long; 1,000 levels where links are followed.
// Throws SysError naming the entry; Error(cancelled) when stopped; Error(invalid) if `target` lies in
// `source` or that is too deep.
void copy_tree(int source, int target, const CopyOptions& options);

}  // namespace concourse::baggageclaim
