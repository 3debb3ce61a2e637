// The ownership walk: brings every owner in a tree in line with a view. Only where the kernel can't map ids (no id-mapped
// mounts, driver naive), or where all files shall become one user's.
#pragma once

#include <cstdint>
#include <optional>

#include "services/baggageclaim/uidgid/id_map.hpp"
#include "services/baggageclaim/uidgid/id_view.hpp"

namespace concourse::baggageclaim {

// Container ids that everything shall belong to.
struct Owner {
  std::uint32_t uid = 0, gid = 0;
};

// The owner of everything in the tree, as the container sees it under `view`; nothing if there are several. `entries` gets the
// number of entries seen.
std::optional<Owner> common_owner(int root, const IdView& view, std::uint64_t& entries);

// What a walk makes of an owner. Either root, as any view shows it, becomes root as `view` shows it, after `change` has been
// applied to the container's id; or, with `everything`, all become that user's.
struct OwnerRule {
  IdView view;
  std::optional<Owner> everything = std::nullopt;
  IdMap change = {};
  bool repeated = false;  // an earlier walk may have been cut short: look for what it has kept (kept_attributes.hpp)
};

// Applies the rule to the tree below the directory `root` and to itself. Modes (setuid and setgid too) and file capabilities are
// kept, links are changed themselves, never what they point to; a file's data is never touched. Runs on several threads.
// Repeating it after an interruption is right, at any instant of it, unless there is a `change`.
// Returns how many entries changed. Throws SysError for the first that couldn't be changed.
std::uint64_t translate_owners(int root, const OwnerRule& rule);

}  // namespace concourse::baggageclaim
