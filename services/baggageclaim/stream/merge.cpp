#include "services/baggageclaim/stream/merge.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <vector>

#include "common/base/error.hpp"
#include "services/baggageclaim/client_error.hpp"
#include "services/baggageclaim/disk/beneath.hpp"
#include "services/baggageclaim/disk/directory.hpp"
#include "services/baggageclaim/disk/file_copy.hpp"
#include "services/baggageclaim/disk/tree_cursor.hpp"

namespace concourse::baggageclaim {

namespace {

void move(int source, const char* name, int target) {
  if (::renameat(source, name, target, name) == 0) return;
  const int error = errno;
  // An empty directory makes way for a file, a file for a directory.
  if (error == EISDIR && ::unlinkat(target, name, AT_REMOVEDIR) == 0 && ::renameat(source, name, target, name) == 0) return;
  if (error == ENOTDIR && ::unlinkat(target, name, 0) == 0 && ::renameat(source, name, target, name) == 0) return;
  throw SysError(std::string("move '") + name + "' into place", error);
}

// Not open if there is no directory of that name; whatever else is wrong is an error.
UniqueFd directory_in(int directory, const char* name) {
  auto fd = open_directory_at(directory, name);
  if (!fd && errno != ENOENT && errno != ENOTDIR && errno != ELOOP) throw SysError(std::string("open '") + name + "'");
  return fd;
}

// Through the directories that both trees have. Memory and open descriptors are bounded, however deep these are
// (tree_cursor.hpp).
class CommonWalk {
 public:
  CommonWalk(int source, int target) : sources_(reopen_directory(source, ".")) { targets_.push(reopen_directory(target, ".")); }

  int source() const { return sources_.directory(); }
  int target() const { return targets_.top(); }

  // Calls `visit(name)` for each entry of source(), whose directories it may enter(). When one was walked, `walked()` is called
  // in it, then `left(name)` in the one that it is in.
  template <typename Visit, typename Walked, typename Left>
  void run(const Visit& visit, const Walked& walked, const Left& left) {
    for (;;) {
      if (const char* name = sources_.next_kept()) {
        visit(name);
      } else if (!sources_.read([](const char*, unsigned char) { return TreeCursor::Take::keep; })) {
        if (names_.empty()) return;
        walked();
        sources_.leave();
        targets_.pop();
        left(names_.back().c_str());
        names_.pop_back();
      }
    }
  }

  void enter(UniqueFd source, UniqueFd target, const char* name) {
    names_.emplace_back(name);  // first: the cursor's own is valid no longer than until it goes on
    targets_.push(std::move(target));
    sources_.enter(std::move(source));
  }

 private:
  TreeCursor sources_;
  DirectoryStack targets_;
  std::vector<std::string> names_;  // entered
};

// Moves what a walk through `source` finds; false if that was nothing.
bool merge_once(int source, int target) {
  bool moved = false;
  CommonWalk walk(source, target);
  const auto visit = [&](const char* name) {
    auto ours = directory_in(walk.source(), name);
    auto theirs = directory_in(walk.target(), name);
    if (ours && theirs) return walk.enter(std::move(ours), std::move(theirs), name);
    if (ours) {
      struct stat status {};
      if (::fstat(ours.get(), &status) != 0) throw SysError("stat a directory");
      if ((status.st_mode & 07777) == kImplicitDirectory && ::fchmod(ours.get(), 0755) != 0)
        throw SysError("set the mode of a directory");
    }
    move(walk.source(), name, walk.target());
    moved = true;
  };
  const auto left = [&](const char* name) {
    if (::unlinkat(walk.source(), name, AT_REMOVEDIR) == 0) moved = true;
    else if (errno != ENOTEMPTY && errno != EEXIST) throw SysError(std::string("remove '") + name + "', which was merged");
  };
  walk.run(
      visit, [&] { take_attributes(walk.source(), walk.target()); }, left);
  return moved;
}

}  // namespace

void take_attributes(int source, int target) {
  struct stat status {};
  if (::fstat(source, &status) != 0) throw SysError("stat a directory");
  if ((status.st_mode & 07777) == kImplicitDirectory) return;
  if (::fchown(target, status.st_uid, status.st_gid) != 0) throw SysError("set the owner of a directory");
  copy_xattrs(fd_path(source), fd_path(target));
  if (::fchmod(target, status.st_mode & 07777) != 0) throw SysError("set the mode of a directory");
  const timespec times[2] = {status.st_atim, status.st_mtim};
  if (::futimens(target, times) != 0) throw SysError("set the time of a directory");
}

void check_merge(int source, int target) {
  CommonWalk walk(source, target);
  const auto visit = [&](const char* name) {
    auto theirs = directory_in(walk.target(), name);
    if (!theirs) return;
    auto ours = directory_in(walk.source(), name);
    if (ours) walk.enter(std::move(ours), std::move(theirs), name);
    else if (!is_empty_directory(theirs.get(), name))
      throw bad_archive(std::string("file '") + name + "' would replace a directory that isn't empty");
  };
  walk.run(
      visit, [] {}, [](const char*) {});
}

void merge_tree(int source, int target) {
  // A directory that changes while it is read may hide entries: again, until nothing is left.
  while (!is_empty_directory(source, "."))
    if (!merge_once(source, target)) throw Error(ErrorKind::internal, "what was streamed in can't be moved into place");
}

}  // namespace concourse::baggageclaim
