#include "services/baggageclaim/stream/disk_writer.hpp"

#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "common/daemon/log.hpp"
#include "services/baggageclaim/client_error.hpp"
#include "services/baggageclaim/disk/beneath.hpp"

namespace concourse::baggageclaim {

namespace {

constexpr mode_t kCreateMode = 0755;  // what umask 022 leaves of any mode

bool is_machines(int error) {
  for (const int machine : {ENOSPC, EDQUOT, EIO, EROFS, ENOMEM, EMFILE, ENFILE, ESTALE, EBADF, ENOTCONN, EUCLEAN})
    if (error == machine) return true;
  return false;
}

// Whose fault a failed call is: a full disk is ours, an impossible name is the archive's.
[[noreturn]] void fail(const char* verb, const Member& member) {
  const int error = errno;
  const auto what = std::string(verb) + " '" + member.path + "'";
  if (is_machines(error)) throw SysError(what, error);
  throw bad_archive(what + ": " + errno_text(error));
}

}  // namespace

void DiskWriter::open_parent(const std::string& path) {
  if (parent_ && path == parent_path_) return;
  auto fd = open_beneath(root_, path, O_PATH | O_DIRECTORY);
  if (!fd && errno == ENOENT) fd = make_directories_in_root(root_, path, implicit_mode_);
  if (!fd) throw bad_archive("'" + path + "' is not a directory");
  struct stat status {};
  if (::fstat(fd->get(), &status) != 0) throw SysError("stat '" + path + "'");
  parent_ = std::move(*fd);
  parent_path_ = path;
  parent_gives_group_ = (status.st_mode & S_ISGID) != 0;
}

// Opens the member's directory, made if missing, and splits its own name off.
int DiskWriter::parent_of(const Member& member, std::string& name) {
  const auto slash = member.path.rfind('/');
  name = slash == std::string::npos ? member.path : member.path.substr(slash + 1);
  try {
    open_parent(slash == std::string::npos ? "" : member.path.substr(0, slash));
  } catch (const SysError& e) {
    errno = e.error_number();
    fail("open the directory of", member);
  }
  return parent_.get();
}

void DiskWriter::remove_existing(int parent, const std::string& name) {
  if (::unlinkat(parent, name.c_str(), 0) == 0 || errno != EISDIR) return;
  (void)::unlinkat(parent, name.c_str(), AT_REMOVEDIR);  // an empty one; a full one will be reported by who comes next
}

UniqueFd DiskWriter::create(const Member& member) {
  if (member.path.empty()) {
    if (!S_ISDIR(member.mode)) throw bad_archive("the archive replaces the directory it is extracted into");
    const UniqueFd self(::openat(root_, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!self) fail("open", member);
    set_attributes(self.get(), member, 0);
    pending_.add("", member.mode, member.mtime);
    return {};
  }
  std::string name;
  const int parent = parent_of(member, name);
  if (member.hard_link) return make_hard_link(parent, name, member), UniqueFd();
  if (S_ISDIR(member.mode)) return make_directory(parent, name, member), UniqueFd();
  if (S_ISREG(member.mode)) return make_file(parent, name, member);
  return make_node(parent, name, member), UniqueFd();
}

UniqueFd DiskWriter::make_file(int parent, const std::string& name, const Member& member) {
  constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  const auto mode = member.mode & kCreateMode;
  UniqueFd fd(::openat(parent, name.c_str(), kFlags, mode));
  if (!fd && errno == EEXIST) {
    remove_existing(parent, name);
    fd.reset(::openat(parent, name.c_str(), kFlags, mode));
  }
  if (!fd) fail("create", member);
  return fd;
}

void DiskWriter::finish_file(int fd, const Member& member) {
  set_attributes(fd, member, member.mode & kCreateMode);
  const timespec times[2] = {{0, UTIME_NOW}, member.mtime};
  if (::futimens(fd, times) != 0) fail("set time of", member);
}

// Owner first: chown(2) takes setuid bits and capabilities away. A mode of 0 for `created_mode` means that it isn't known.
void DiskWriter::set_attributes(int fd, const Member& member, mode_t created_mode) {
  const bool owner_known = created_mode != 0 && !parent_gives_group_;
  const bool chown_needed = !owner_known || member.uid != uid_ || member.gid != gid_;
  if (chown_needed && ::fchown(fd, member.uid, member.gid) != 0) fail("set owner of", member);
  set_xattrs(fd, member);
  const auto mode = member.mode & 07777;
  if (mode != created_mode && ::fchmod(fd, mode) != 0) fail("set mode of", member);
}

// What this file system can't hold is left out, as tar does it. ENOSPC is ext4's word for too large a value: a disk that is full
// shows itself elsewhere.
void DiskWriter::set_xattrs(int fd, const Member& member) {
  for (const auto& [name, value] : member.xattrs) {
    if (::fsetxattr(fd, name.c_str(), value.data(), value.size(), 0) == 0 || errno == EOPNOTSUPP) continue;
    if (errno != ENOSPC && is_machines(errno)) fail("set attributes of", member);
    if (left_out_++ == 0)
      log::warn("an attribute of a file was left out",
                {{"file", member.path.substr(0, 200)}, {"attribute", name}, {"bytes", value.size()}, {"error", errno_text(errno)}});
  }
}

void DiskWriter::make_directory(int parent, const std::string& name, const Member& member) {
  bool made = ::mkdirat(parent, name.c_str(), 0700) == 0;
  if (!made && errno != EEXIST) fail("make directory", member);
  UniqueFd fd(::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd && (errno == ENOTDIR || errno == ELOOP)) {
    remove_existing(parent, name);
    if (::mkdirat(parent, name.c_str(), 0700) != 0) fail("make directory", member);
    fd.reset(::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    parent_.reset();  // what it led to may have been what was replaced
  }
  if (!fd) fail("open", member);
  set_attributes(fd.get(), member, 0);
  if (pending_.full()) apply_early();
  pending_.add(member.path, member.mode, member.mtime);
}

void DiskWriter::make_hard_link(int parent, const std::string& name, const Member& member) {
  const auto other = open_beneath(root_, clean_relative(member.link), O_PATH | O_NOFOLLOW);
  if (!other) throw bad_archive("hard link '" + member.path + "' refers to '" + member.link + "', which isn't there");
  if (::linkat(other->get(), "", parent, name.c_str(), AT_EMPTY_PATH) == 0) return;
  if (errno != EEXIST) fail("make hard link", member);
  struct stat existing {
  }, wanted{};
  if (::fstatat(parent, name.c_str(), &existing, AT_SYMLINK_NOFOLLOW) == 0 && ::fstat(other->get(), &wanted) == 0 &&
      existing.st_ino == wanted.st_ino && existing.st_dev == wanted.st_dev)
    return;  // it is that link already; removing it first could remove the only name
  remove_existing(parent, name);
  if (::linkat(other->get(), "", parent, name.c_str(), AT_EMPTY_PATH) != 0) fail("make hard link", member);
}

void DiskWriter::make_node(int parent, const std::string& name, const Member& member) {
  const auto make = [&] {
    if (S_ISLNK(member.mode)) return ::symlinkat(member.link.c_str(), parent, name.c_str());
    return ::mknodat(parent, name.c_str(), (member.mode & S_IFMT) | (member.mode & kCreateMode), member.device);
  };
  if (make() != 0) {
    if (errno != EEXIST) fail("make", member);
    remove_existing(parent, name);
    if (make() != 0) fail("make", member);
  }
  const UniqueFd node(::openat(parent, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!node) fail("open", member);
  if (::fchownat(node.get(), "", member.uid, member.gid, AT_EMPTY_PATH) != 0) fail("set owner of", member);
  if (!S_ISLNK(member.mode) && ::chmod(fd_path(node.get()).c_str(), member.mode & 07777) != 0) fail("set mode of", member);
  const timespec times[2] = {{0, UTIME_NOW}, member.mtime};
  if (::utimensat(node.get(), "", times, AT_EMPTY_PATH) != 0) fail("set time of", member);
}

void DiskWriter::apply(const std::string& path, mode_t mode, const timespec& mtime) const {
  // A later member may have replaced it.
  const auto fd = open_beneath(root_, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!fd) return;
  Member member;
  member.path = path;
  if (::fchmod(fd->get(), mode & 07777) != 0) fail("set mode of", member);
  const timespec times[2] = {{0, UTIME_NOW}, mtime};
  if (::futimens(fd->get(), times) != 0) fail("set time of", member);
}

// Bounds the memory: archives of whole trees are done with a directory when its last member has come, so all that aren't above
// the current one can get their attributes now.
void DiskWriter::apply_early() {
  PendingDirectories all;
  std::swap(all, pending_);
  all.take_all([&](const std::string& path, mode_t mode, const timespec& mtime) {
    const bool above = path.empty() || parent_path_ == path || (parent_path_.starts_with(path) && parent_path_[path.size()] == '/');
    if (above) pending_.add(path, mode, mtime);
    else apply(path, mode, mtime);
  });
}

void DiskWriter::finish() {
  parent_.reset();
  pending_.take_all([&](const std::string& path, mode_t mode, const timespec& mtime) { apply(path, mode, mtime); });
  if (left_out_ > 1) log::warn("attributes of files were left out", {{"count", left_out_}});
}

}  // namespace concourse::baggageclaim
