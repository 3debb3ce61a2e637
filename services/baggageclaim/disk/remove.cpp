#include "services/baggageclaim/disk/remove.hpp"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "common/base/error.hpp"
#include "common/base/strings.hpp"
#include "common/base/unique_fd.hpp"
#include "services/baggageclaim/disk/directory.hpp"

namespace concourse::baggageclaim {

namespace {

// Directories open at the same time. What lies deeper is moved up to the top and removed from there.
constexpr int kMaxRemoveDepth = 100;

UniqueFd open_child(int directory, const char* name) {
  open_how how{};
  how.flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV;
  return UniqueFd(static_cast<int>(syscall(SYS_openat2, directory, name, &how, sizeof how)));
}

// chattr +i or +a, by a privileged container. True if a flag was taken off.
bool make_mutable(int fd) {
  int flags = 0;
  if (::ioctl(fd, FS_IOC_GETFLAGS, &flags) != 0 || (flags & (FS_IMMUTABLE_FL | FS_APPEND_FL)) == 0) return false;
  flags &= ~(FS_IMMUTABLE_FL | FS_APPEND_FL);
  return ::ioctl(fd, FS_IOC_SETFLAGS, &flags) == 0;
}

bool make_mutable_at(int directory, const char* name) {
  const UniqueFd fd(::openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  const bool file = fd && make_mutable(fd.get());
  return make_mutable(directory) || file;
}

class Remover {
 public:
  explicit Remover(int top) : top_(top) {}

  void children(int directory, const std::string& path, int depth) {
    // A directory that changes while it is read may hide entries: read again until a pass finds none.
    for (bool found = true; found;) {
      found = false;
      for_each_entry(directory, path, [&](const char* name) {
        found = true;
        child(directory, name, path, depth);
      });
    }
  }

  void child(int directory, const char* name, const std::string& path, int depth) {
    if (unlink(directory, name, 0)) return;
    const auto child_path = path + "/" + name;
    if (errno != EISDIR) throw SysError("remove '" + child_path + "'");
    if (unlink(directory, name, AT_REMOVEDIR)) return;  // many are empty
    if (errno != ENOTEMPTY && errno != EEXIST) throw SysError("remove '" + child_path + "'");
    const auto fd = open_child(directory, name);
    if (!fd && errno == ENOENT) return;
    if (!fd) throw SysError("open '" + child_path + "'");
    if (depth >= kMaxRemoveDepth) {
      if (::renameat(directory, name, top_, ("removed-" + random_hex(8)).c_str()) != 0) throw SysError("move '" + child_path + "'");
      return;  // the top's next pass finds it
    }
    children(fd.get(), child_path, depth + 1);
    if (!unlink(directory, name, AT_REMOVEDIR)) throw SysError("remove '" + child_path + "'");
  }

 private:
  // True if it is gone. Else errno says why not.
  static bool unlink(int directory, const char* name, int flags) {
    if (::unlinkat(directory, name, flags) == 0 || errno == ENOENT) return true;
    const int error = errno;
    if (error == EPERM && make_mutable_at(directory, name)) return ::unlinkat(directory, name, flags) == 0;
    errno = error;
    return false;
  }

  const int top_;
};

}  // namespace

void remove_children(int directory) { Remover(directory).children(directory, ".", 0); }

void remove_tree_at(int directory, const std::string& name) { Remover(directory).child(directory, name.c_str(), ".", 0); }

void remove_tree(const std::filesystem::path& path) {
  const UniqueFd parent(::open(path.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!parent && errno == ENOENT) return;
  if (!parent) throw SysError("open directory '" + path.parent_path().string() + "'");
  try {
    const auto name = path.filename().string();
    const auto tree = open_child(parent.get(), name.c_str());
    // What lies too deep is moved to the tree's own top, not beside it.
    if (tree) remove_children(tree.get());
    Remover(parent.get()).child(parent.get(), name.c_str(), path.parent_path().string(), 0);
  } catch (const Error& e) {
    throw with_context("remove '" + path.string() + "'", e);
  }
}

}  // namespace concourse::baggageclaim
