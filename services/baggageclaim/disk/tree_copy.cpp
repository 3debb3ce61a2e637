#include "services/baggageclaim/disk/tree_copy.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <string>
#include <vector>

#include "common/base/error.hpp"
#include "common/base/unique_fd.hpp"
#include "services/baggageclaim/disk/beneath.hpp"
#include "services/baggageclaim/disk/directory.hpp"
#include "services/baggageclaim/disk/file_copy.hpp"
#include "services/baggageclaim/disk/link_names.hpp"
#include "services/baggageclaim/disk/tree_cursor.hpp"

namespace concourse::baggageclaim {

namespace {

// Where links are followed, all directories stay open; also ends loops of links.
constexpr std::size_t kMaxFollowed = 1000;
constexpr std::size_t kMaxPath = 64 << 10;

class TreeCopy {
 public:
  TreeCopy(int source, int target, const CopyOptions& options)
      : target_root_(target),
        options_(options),
        sources_(reopen_directory(source, "."), options.follow_links ? kMaxFollowed : DirectoryStack::kOpen),
        targets_(options.follow_links ? kMaxFollowed : DirectoryStack::kOpen) {
    if (::fstat(target, &target_status_) != 0) throw SysError("stat the copy");
    targets_.push(reopen_directory(target, "."));
    begin();
  }

  void run() {
    for (;;) {
      if (const char* name = sources_.next_kept()) {
        if (options_.stop.stop_requested()) throw Error(ErrorKind::cancelled, "copy cancelled");
        copy_entry(name);
      } else if (!sources_.read([](const char*, unsigned char) { return TreeCursor::Take::keep; })) {
        // Last, because filling the directory has changed its time.
        if (!options_.follow_links) keep_attributes(fd_path(source()), fd_path(target()), levels_.back().status);
        if (levels_.size() == 1) return;
        leave();
      }
    }
  }

 private:
  int source() const { return sources_.directory(); }
  int target() const { return targets_.top(); }
  std::string path_of(const char* name) const { return path_ + "/" + name; }

  // What is to be known of the directory that was entered last.
  void begin() {
    Level level{{}, path_.size()};
    if (::fstat(source(), &level.status) != 0) throw SysError("stat '" + shown(path_) + "'");
    if (level.status.st_dev == target_status_.st_dev && level.status.st_ino == target_status_.st_ino)
      throw Error(ErrorKind::invalid, "'" + shown(path_) + "' would be copied into itself");
    levels_.push_back(level);
  }

  void leave() {
    sources_.leave();
    targets_.pop();
    names_.leave();
    levels_.pop_back();
    path_.resize(levels_.back().path);
  }

  void copy_entry(const char* name) {
    struct stat status {};
    if (::fstatat(source(), name, &status, options_.follow_links ? 0 : AT_SYMLINK_NOFOLLOW) != 0)
      throw SysError("stat '" + shown(path_of(name)) + "'");
    if (S_ISDIR(status.st_mode)) return enter(name);
    if (S_ISSOCK(status.st_mode)) return;
    try {
      copy_leaf(name, status);
    } catch (const Error& e) {
      throw with_context("copy '" + shown(path_of(name)) + "'", e);
    }
  }

  void copy_leaf(const char* name, const struct stat& status) {
    if (status.st_nlink > 1 && !options_.follow_links && link_to_copy(name, status)) return;
    if (S_ISREG(status.st_mode)) copy_file(source(), target(), name, status);
    else if (S_ISLNK(status.st_mode)) copy_link(source(), target(), name);
    else if (::mknodat(target(), name, (status.st_mode & S_IFMT) | 0600, status.st_rdev) != 0) throw SysError("make node");
    if (!S_ISREG(status.st_mode) && !options_.follow_links) keep_node_attributes(target(), name, status);
  }

  void enter(const char* name) {
    const std::string entered = name;
    const auto path = path_of(name);
    if (path.size() > kMaxPath || (options_.follow_links && levels_.size() >= kMaxFollowed))
      throw Error(ErrorKind::invalid, "'" + shown(path) + "' is nested too deeply");
    const int no_follow = options_.follow_links ? 0 : O_NOFOLLOW;
    UniqueFd from(::openat(source(), name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | no_follow));
    if (!from) throw SysError("open directory '" + shown(path) + "'");
    struct stat status {};
    if (::fstat(from.get(), &status) != 0) throw SysError("stat '" + shown(path) + "'");
    const mode_t mode = options_.follow_links ? status.st_mode & 0777 : 0700;
    if (::mkdirat(target(), name, mode) != 0) throw SysError("make directory '" + shown(path) + "'");
    auto to = open_directory_at(target(), name);
    if (!to) throw SysError("open directory '" + shown(path) + "'");
    sources_.enter(std::move(from));
    targets_.push(std::move(to));
    names_.enter(entered.c_str());
    path_ = path;
    begin();
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
  bool link_to_copy(const char* name, const struct stat& status) {
    const auto seen = names_.seen_before(status, name);
    if (!seen) return false;
    const auto first = open_copy(*seen);
    if (!first || ::linkat(first.get(), "", target(), name, AT_EMPTY_PATH) != 0) throw SysError("make hard link");
    return true;
  }

  // Something in the copy, in as many steps as so long a path needs.
  UniqueFd open_copy(const std::string& path) const {
    UniqueFd at;
    for (std::size_t begin = 0;;) {
      const int from = at ? at.get() : target_root_;
      if (path.size() - begin < PATH_MAX) {
        auto found = open_beneath(from, path.substr(begin), O_PATH | O_NOFOLLOW);
        return found ? std::move(*found) : UniqueFd();
      }
      const auto slash = path.rfind('/', begin + PATH_MAX - 1);
      auto found = open_beneath(from, path.substr(begin, slash - begin), O_PATH | O_NOFOLLOW | O_DIRECTORY);
      if (!found) return {};
      at = std::move(*found);
      begin = slash + 1;
    }
  }

  struct Level {
    struct stat status;
    std::size_t path;  // how much of path_ it has
  };

  const int target_root_;
  const CopyOptions& options_;
  struct stat target_status_ {};
  TreeCursor sources_;
  DirectoryStack targets_;
  std::vector<Level> levels_;
  std::string path_ = ".";  // of the current directory
  LinkNames names_;
};

}  // namespace

void copy_tree(int source, int target, const CopyOptions& options) { TreeCopy(source, target, options).run(); }

}  // namespace concourse::baggageclaim
