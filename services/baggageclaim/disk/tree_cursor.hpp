// A walk through a tree that a stranger has made: however deep or wide it is, a bounded number of its directories is open, and
// what is remembered of the others is small.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/base/unique_fd.hpp"

namespace concourse::baggageclaim {

// Directories, each in the one before it. Only the innermost kOpen, or `open`, stay open; one that is needed again later is opened
// from the one below it and must be the same as before.
class DirectoryStack {
 public:
  static constexpr std::size_t kOpen = 64;
  explicit DirectoryStack(std::size_t open = kOpen) : open_(open) {}

  std::size_t size() const { return levels_.size(); }
  int top() const { return levels_.back().fd.get(); }
  void push(UniqueFd directory);
  // Throws Error(conflict) if the directory above isn't there any more: it was moved, or what it was in.
  void pop();

 private:
  struct Level {
    UniqueFd fd;
    dev_t device;
    ino_t inode;
  };
  const std::size_t open_;  // how many stay open
  std::vector<Level> levels_;
};

// The names in a tree, a directory's before those of the next. Memory: kNames bytes of names in all, one more name and some 60
// bytes for each level, and one buffer. What changes in a directory during the walk may be seen, missed or seen twice.
class TreeCursor {
 public:
  static constexpr std::size_t kNames = 1 << 20, kNamesPerDirectory = 64 << 10;

  // Of the directories that it is in, `open` stay open: all if some are entered by links, from which no ".." leads back.
  explicit TreeCursor(UniqueFd root, std::size_t open = DirectoryStack::kOpen) : directories_(open) { enter(std::move(root)); }

  int directory() const { return directories_.top(); }
  std::size_t depth() const { return levels_.size() - 1; }  // 0 in the root

  enum class Take {
    keep,      // next_kept() shall give the name, after others of this directory
    used,      // done with it
    used_last  // done with it, and read() shall return
  };
  // Reads on in the innermost directory, unless names are kept still, and offers each name and type (DT_REG, …, DT_UNKNOWN) to
  // `take`. Returns at the directory's end, when many names are kept, or when told to. False when there was nothing left.
  // Throws SysError.
  bool read(const std::function<Take(const char* name, unsigned char type)>& take);
  // A kept name of the innermost directory, valid until the next call of enter(), leave() or read(); nullptr when none is left.
  const char* next_kept();

  // Goes into a directory of the innermost one, or back. The walk goes on above where it was.
  void enter(UniqueFd directory);
  void leave();

 private:
  struct Level {
    off_t position = 0;             // of the next entry that wasn't offered
    std::size_t names = 0, at = 0;  // where its names begin in names_, and the next one of them
    bool ended = false;
  };
  bool fill(Level& level);

  DirectoryStack directories_;
  std::vector<Level> levels_;
  std::string names_;  // kept, each with its zero, those of the innermost directory last
  std::vector<char> buffer_ = std::vector<char>(32 << 10);
  std::size_t begin_ = 0, end_ = 0;  // of what of the innermost directory is in the buffer
};

}  // namespace concourse::baggageclaim
