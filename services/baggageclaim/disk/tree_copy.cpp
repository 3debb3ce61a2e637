#include "services/baggageclaim/disk/tree_copy.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <map>
#include <string>

#include "common/base/error.hpp"
#include "common/base/unique_fd.hpp"
#include "services/baggageclaim/disk/beneath.hpp"
#include "services/baggageclaim/disk/directory.hpp"
#include "services/baggageclaim/disk/file_copy.hpp"

namespace concourse::baggageclaim {

namespace {

constexpr int kMaxCopyDepth = 1000;  // directories open at the same time; also ends loops of followed links

class TreeCopy {
 public:
  TreeCopy(int target_root, const CopyOptions& options) : target_root_(target_root), options_(options) {
    if (::fstat(target_root, &target_status_) != 0) throw SysError("stat the copy");
  }

  void directory(int source, int target, const std::string& path) {
    if (++depth_ > kMaxCopyDepth) throw Error(ErrorKind::invalid, "'" + path + "' is nested too deeply");
    struct stat status {};
    if (::fstat(source, &status) != 0) throw SysError("stat '" + path + "'");
    if (status.st_dev == target_status_.st_dev && status.st_ino == target_status_.st_ino)
      throw Error(ErrorKind::invalid, "'" + path + "' would be copied into itself");
    for_each_entry(source, path, [&](const char* name) {
      if (options_.stop.stop_requested()) throw Error(ErrorKind::cancelled, "copy cancelled");
      copy_entry(source, target, name, path + "/" + name);
    });
    // Last, because filling the directory has changed its time.
    if (!options_.follow_links) keep_attributes(fd_path(source), fd_path(target), status);
    --depth_;
  }

 private:
  void copy_entry(int source, int target, const char* name, const std::string& path) {
    struct stat status {};
    if (::fstatat(source, name, &status, options_.follow_links ? 0 : AT_SYMLINK_NOFOLLOW) != 0)
      throw SysError("stat '" + path + "'");
    if (S_ISDIR(status.st_mode)) return copy_directory(source, target, name, path);
    if (S_ISSOCK(status.st_mode)) return;
    try {
      copy_leaf(source, target, name, path, status);
    } catch (const Error& e) {
      throw with_context("copy '" + path + "'", e);
    }
  }

  void copy_leaf(int source, int target, const char* name, const std::string& path, const struct stat& status) {
    const bool linked = status.st_nlink > 1 && !options_.follow_links;
    if (linked && link_to_copy(target, name, status)) return;
    if (S_ISREG(status.st_mode)) copy_file(source, target, name, status);
    else if (S_ISLNK(status.st_mode)) copy_link(source, target, name);
    else if (::mknodat(target, name, (status.st_mode & S_IFMT) | 0600, status.st_rdev) != 0) throw SysError("make node");
    if (!S_ISREG(status.st_mode) && !options_.follow_links) keep_node_attributes(target, name, status);
    if (linked) copies_[{status.st_dev, status.st_ino}] = path;
  }

  void copy_directory(int source, int target, const char* name, const std::string& path) {
    const int no_follow = options_.follow_links ? 0 : O_NOFOLLOW;
    const UniqueFd from(::openat(source, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | no_follow));
    if (!from) throw SysError("open directory '" + path + "'");
    struct stat status {};
    if (::fstat(from.get(), &status) != 0) throw SysError("stat '" + path + "'");
    const mode_t mode = options_.follow_links ? status.st_mode & 0777 : 0700;
    if (::mkdirat(target, name, mode) != 0) throw SysError("make directory '" + path + "'");
    const UniqueFd to(::openat(target, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
    if (!to) throw SysError("open directory '" + path + "'");
    directory(from.get(), to.get(), path);
  }

  void copy_file(int source, int target, const char* name, const struct stat& status) {
    const int no_follow = options_.follow_links ? 0 : O_NOFOLLOW;
    const UniqueFd from(::openat(source, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC | no_follow));
    if (!from) throw SysError("open");
    const mode_t mode = options_.follow_links ? status.st_mode & 0777 : 0600;
    const UniqueFd to(::openat(target, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
    if (!to) throw SysError("create");
    copy_content(from.get(), to.get(), status);
    if (!options_.follow_links) keep_attributes(fd_path(from.get()), fd_path(to.get()), status);
  }

  static void copy_link(int source, int target, const char* name) {
    char text[PATH_MAX];
    const auto size = ::readlinkat(source, name, text, sizeof text - 1);
    if (size < 0) throw SysError("read link");
    text[size] = '\0';
    if (::symlinkat(text, target, name) != 0) throw SysError("make link");
  }

  std::uint32_t mapped(std::uint32_t id) const { return options_.map_id ? options_.map_id(id) : id; }

  // Owner before mode and attributes, because chown(2) takes setuid bits and capabilities away.
  void keep_attributes(const std::string& source_path, const std::string& target_path, const struct stat& status) const {
    if (::chown(target_path.c_str(), mapped(status.st_uid), mapped(status.st_gid)) != 0) throw SysError("set owner");
    copy_xattrs(source_path, target_path);
    if (::chmod(target_path.c_str(), status.st_mode & 07777) != 0) throw SysError("set mode");
    const timespec times[2] = {status.st_atim, status.st_mtim};
    if (::utimensat(AT_FDCWD, target_path.c_str(), times, 0) != 0) throw SysError("set times");
  }

  void keep_node_attributes(int target, const char* name, const struct stat& status) const {
    const UniqueFd node(::openat(target, name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (!node) throw SysError("open the copy");
    if (::fchownat(node.get(), "", mapped(status.st_uid), mapped(status.st_gid), AT_EMPTY_PATH) != 0) throw SysError("set owner");
    if (!S_ISLNK(status.st_mode) && ::chmod(fd_path(node.get()).c_str(), status.st_mode & 07777) != 0) throw SysError("set mode");
    const timespec times[2] = {status.st_atim, status.st_mtim};
    if (::utimensat(node.get(), "", times, AT_EMPTY_PATH) != 0) throw SysError("set times");
  }

  // A file that was copied under another name already becomes a link to that copy.
  bool link_to_copy(int target, const char* name, const struct stat& status) {
    const auto found = copies_.find({status.st_dev, status.st_ino});
    if (found == copies_.end()) return false;
    const auto first = open_beneath(target_root_, found->second, O_PATH | O_NOFOLLOW);
    if (!first || ::linkat(first->get(), "", target, name, AT_EMPTY_PATH) != 0) throw SysError("make hard link");
    return true;
  }

  const int target_root_;
  const CopyOptions& options_;
  struct stat target_status_ {};
  int depth_ = 0;
  std::map<std::pair<dev_t, ino_t>, std::string> copies_;  // files with several names: the first copy's path
};

}  // namespace

void copy_tree(int source, int target, const CopyOptions& options) { TreeCopy(target, options).directory(source, target, "."); }

}  // namespace concourse::baggageclaim
