#include "services/baggageclaim/stream/merge.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "common/base/error.hpp"
#include "services/baggageclaim/client_error.hpp"
#include "services/baggageclaim/disk/beneath.hpp"
#include "services/baggageclaim/disk/directory.hpp"
#include "services/baggageclaim/disk/file_copy.hpp"

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
  for_each_entry(source, ".", [&](const char* name) {
    const auto theirs = open_directory_at(target, name);
    if (!theirs) return;
    const auto ours = open_directory_at(source, name);
    if (ours) check_merge(ours.get(), theirs.get());
    else if (!is_empty_directory(theirs.get(), name))
      throw bad_archive(std::string("file '") + name + "' would replace a directory that isn't empty");
  });
}

void merge_tree(int source, int target) {
  for_each_entry(source, ".", [&](const char* name) {
    const auto ours = open_directory_at(source, name);
    const auto theirs = open_directory_at(target, name);
    if (ours && theirs) {
      merge_tree(ours.get(), theirs.get());
      take_attributes(ours.get(), theirs.get());
      (void)::unlinkat(source, name, AT_REMOVEDIR);
      return;
    }
    if (ours) {
      struct stat status {};
      if (::fstat(ours.get(), &status) != 0) throw SysError("stat a directory");
      if ((status.st_mode & 07777) == kImplicitDirectory && ::fchmod(ours.get(), 0755) != 0)
        throw SysError("set the mode of a directory");
    }
    move(source, name, target);
  });
}

}  // namespace concourse::baggageclaim
