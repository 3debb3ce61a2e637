// The ownership walk: brings every owner in a tree in line with a view. Only where the kernel can't map ids (no id-mapped
// mounts, driver naive), or where all files shall become one user's.
#pragma once

#include <cstdint>
#include <optional>

#include "services/baggageclaim/uidgid/id_view.hpp"

namespace concourse::baggageclaim {

// Container ids that everything shall belong to.
struct Owner {
  std::uint32_t uid = 0, gid = 0;
};

// For the tree below the directory `root` and for itself: owners become `view.settle(owner)`, or with `everything` that
// user's. Modes (setuid and setgid too) and file capabilities are kept, links are changed themselves, never what they point
// to; a file's data is never touched. Runs on several threads; repeating it after an interruption is right.
// Returns how many entries changed. Throws SysError for the first that couldn't be changed.
std::uint64_t translate_owners(int root, const IdView& view, const std::optional<Owner>& everything = std::nullopt);

}  // namespace concourse::baggageclaim
