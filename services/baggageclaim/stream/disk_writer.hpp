// Writes the members of an archive into a directory, whatever the archive says and whatever happens in the directory
// meanwhile: no name leads out of it, nothing is written through a link at a name's end.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "common/base/unique_fd.hpp"
#include "services/baggageclaim/stream/pending_directories.hpp"
#include "services/baggageclaim/uidgid/id_view.hpp"

namespace concourse::baggageclaim {

// The mode of directories that the archive only implies, while it is extracted beside its target: merging doesn't take their
// attributes for something the archive said.
inline constexpr mode_t kImplicitDirectory = S_ISVTX;

// One member, owners already translated to the host's.
struct Member {
  std::string path;  // relative, clean (clean_relative), no ".."; empty: the directory itself
  mode_t mode = 0;   // type and permissions
  uid_t uid = 0;
  gid_t gid = 0;
  timespec mtime{};
  dev_t device = 0;
  std::string link;  // of a symbolic link: its text; of a hard link: the path of the other name
  bool hard_link = false;
  std::vector<std::pair<std::string, std::string>> xattrs;
};

// A bad_archive error is thrown for what the archive is to blame for, SysError for what the machine is (disk full).
class DiskWriter {
 public:
  // `root` is the directory, and stays the caller's. What is created belongs to the calling thread's fsuid and fsgid, which
  // must be `uid` and `gid`: owners that are right already aren't set.
  // `implicit_mode`: of directories that no member names.
  DiskWriter(int root, uid_t uid, gid_t gid, mode_t implicit_mode = 0755)
      : root_(root), uid_(uid), gid_(gid), implicit_mode_(implicit_mode) {}

  // Creates everything but a regular file's content. What was there under the name goes; a directory stays and gets new
  // attributes. An attribute that the file system can't hold is left out, and logged. For a regular file returns its descriptor:
  // write the content, then call finish_file().
  UniqueFd create(const Member& member);
  void finish_file(int fd, const Member& member);

  // Sets the modes and times of directories, which filling them has changed. Last.
  void finish();

 private:
  int parent_of(const Member& member, std::string& name);
  void open_parent(const std::string& path);
  void remove_existing(int parent, const std::string& name);
  void make_directory(int parent, const std::string& name, const Member& member);
  void make_hard_link(int parent, const std::string& name, const Member& member);
  void make_node(int parent, const std::string& name, const Member& member);
  UniqueFd make_file(int parent, const std::string& name, const Member& member);
  void set_attributes(int fd, const Member& member, mode_t created_mode);
  void apply(const std::string& path, mode_t mode, const timespec& mtime) const;
  void set_xattrs(int fd, const Member& member);
  void apply_early();

  const int root_;
  const uid_t uid_;
  const gid_t gid_;
  const mode_t implicit_mode_;
  std::string parent_path_;  // of parent_
  UniqueFd parent_;          // the last member's directory: members come grouped
  bool parent_gives_group_ = false;
  PendingDirectories pending_;
  std::uint64_t left_out_ = 0;  // attributes that the file system doesn't take
};

}  // namespace concourse::baggageclaim
