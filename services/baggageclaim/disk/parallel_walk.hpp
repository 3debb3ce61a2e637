// Visits every entry of a tree with several threads, never following a link.
#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <functional>

namespace concourse::baggageclaim {

struct WalkEntry {
  int directory;       // open, of the entry's parent
  const char* name;    // in it; "." for the tree's root itself
  struct stat status;  // lstat
};

// Calls `visit` for the root and everything below it, once each, in no order, from `threads` threads at once, until one call
// returns false. Entries that vanish during the walk are skipped. The first exception of a visit (or a directory that can't be
// read) stops the walk and is rethrown. A path may be 64 KiB long. Memory: 1 MiB of paths that wait, and TreeCursor's a thread
// (tree_cursor.hpp), whatever the tree is like.
void walk_parallel(int root, unsigned threads, const std::function<bool(const WalkEntry&)>& visit);

// As many threads as help: the machine's processors, 2 to 8.
unsigned walk_threads();

}  // namespace concourse::baggageclaim
