// Moves an extracted tree into a directory that isn't empty. Both may be as deep as a stranger likes: memory and descriptors are
// those of TreeCursor and DirectoryStack (disk/tree_cursor.hpp).
#pragma once

#include <string>

#include "services/baggageclaim/stream/disk_writer.hpp"

namespace concourse::baggageclaim {

// What merge_tree() would fail on: a file where `target` has a directory that isn't empty. Throws a bad_archive error.
void check_merge(int source, int target);

// Gives `target` the attributes of `source`, unless those were never said (kImplicitDirectory).
void take_attributes(int source, int target);

// Moves everything in `source` into `target`, replacing what has the same name; directories are merged and take_attributes().
// Moving again after an interruption completes it.
void merge_tree(int source, int target);

}  // namespace concourse::baggageclaim
