#include "services/garden/mounts/mount_points.hpp"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <deque>
#include <filesystem>
#include <vector>

#include "common/base/error.hpp"
#include "common/base/strings.hpp"
#include "common/os/acting_id.hpp"

namespace concourse::garden {

namespace {

constexpr int kMaxLinks = 40;           // the kernel's own limit
constexpr std::size_t kMaxDepth = 256;  // directories on the way, each of them open

Error refused(const std::string& name, const std::string& path, const std::string& why) {
  return Error(ErrorKind::invalid, name + ": its '" + path + "' " + why);
}

struct stat status_of(int fd) {
  struct stat st {};
  if (::fstat(fd, &st) != 0) throw SysError("look at a mount's place");
  return st;
}

bool is_the_runtimes(const std::string& path) { return path == "/dev" || path == "/proc" || path == "/sys"; }

}  // namespace

// One component at a time: no call ever gets a path of several, so that no link but those looked at here is followed.
class MountPoints::Walk {
 public:
  Walk(const MountPoints& points, const std::string& destination) : points_(points), destination_(destination) {
    steps_.push_back({"", points.root_.get(), {}});
    prepend(destination);
    while (!left_.empty()) {
      const auto part = left_.front();
      left_.pop_front();
      if (part.empty() || part == ".") continue;
      if (part != "..") enter(part);
      else if (steps_.size() > 1) steps_.pop_back();
    }
  }

  std::string path() const { return steps_.size() > 1 ? steps_.back().path : "/"; }

  // Makes what is missing. Nothing for a place that is the runtime's.
  UniqueFd make(bool is_directory) {
    if (is_the_runtimes("/" + first_name())) return {};
    for (std::size_t i = 1; i < steps_.size(); ++i)
      if (steps_[i].fd < 0) make_step(i, is_directory || i + 1 < steps_.size());
    UniqueFd copy(::fcntl(steps_.back().fd, F_DUPFD_CLOEXEC, 3));
    if (!copy) throw SysError("copy a descriptor");
    return copy;
  }

 private:
  struct Step {
    std::string path;
    int fd = -1;     // -1: it isn't there, or it is the runtime's
    UniqueFd owned;  // fd, unless it is somebody else's
  };

  void prepend(const std::string& more) {
    const auto parts = split(more, '/');
    left_.insert(left_.begin(), parts.begin(), parts.end());
  }

  std::string first_name() const { return steps_.size() > 1 ? steps_[1].path.substr(1) : ""; }

  void enter(const std::string& part) {
    if (steps_.size() > kMaxDepth) throw refused(points_.name_, destination_, "is too deep");
    Step next{steps_.back().path + "/" + part, -1, {}};
    const auto covered = points_.covered_.find(next.path);
    if (covered != points_.covered_.end()) {
      next.fd = covered->second;
    } else if (steps_.back().fd >= 0 && !is_the_runtimes(next.path)) {
      next.owned.reset(::openat(steps_.back().fd, part.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
      next.fd = next.owned.get();
      if (next.fd < 0 && errno != ENOENT) throw refused(points_.name_, destination_, "can't be mounted on: " + errno_text(errno));
      if (next.fd >= 0 && S_ISLNK(status_of(next.fd).st_mode)) return follow(next.fd);
    }
    steps_.push_back(std::move(next));
  }

  void follow(int link) {
    char target[PATH_MAX];
    const auto size = ::readlinkat(link, "", target, sizeof target);
    if (size < 0) throw SysError("read a link");
    if (++links_ > kMaxLinks) throw refused(points_.name_, destination_, "is a link that leads round in circles");
    if (size > 0 && target[0] == '/') steps_.resize(1);
    prepend({target, static_cast<std::size_t>(size)});
  }

  void make_step(std::size_t i, bool is_directory) {
    auto& step = steps_[i];
    const int parent = steps_[i - 1].fd;
    const auto part = step.path.substr(step.path.rfind('/') + 1);
    {
      const os::ActingId id(points_.owner_.uid, points_.owner_.gid);
      const int made = is_directory ? ::mkdirat(parent, part.c_str(), 0755) : ::mknodat(parent, part.c_str(), S_IFREG | 0644, 0);
      if (made != 0 && errno != EEXIST) throw refused(points_.name_, step.path, "can't be made: " + errno_text(errno));
    }
    step.owned.reset(::openat(parent, part.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    step.fd = step.owned.get();
    if (step.fd < 0 || S_ISLNK(status_of(step.fd).st_mode))
      throw refused(points_.name_, step.path, "changed while something was being mounted on it");
  }

  const MountPoints& points_;
  const std::string& destination_;
  std::deque<std::string> left_;
  std::vector<Step> steps_;
  int links_ = 0;
};

MountPoints::MountPoints(const UniqueFd& root, Owner owner, std::string name)
    : root_(root), owner_(owner), name_(std::move(name)) {}

MountPoint MountPoints::find_or_make(const std::string& destination, bool is_directory) {
  Walk walk(*this, destination);
  MountPoint point{walk.path(), {}};
  if (is_the_containers_own(point.path))
    throw refused(name_, destination, "leads to '" + point.path + "', which is the container's own");
  point.fd = walk.make(is_directory);
  if (!point.fd) return point;
  const auto mode = status_of(point.fd.get()).st_mode;
  if (!S_ISDIR(mode) && !S_ISREG(mode))
    throw refused(name_, destination, "is neither a file nor a directory: nothing can be mounted on it");
  if (S_ISDIR(mode) != is_directory)
    throw refused(name_, destination,
                  is_directory ? "is a file: no directory can be mounted on it" : "is a directory: no file can be mounted on it");
  return point;
}

bool is_the_containers_own(const std::string& destination) {
  auto normal = std::filesystem::path(destination).lexically_normal().string();
  while (normal.size() > 1 && normal.ends_with('/')) normal.pop_back();
  return normal == "/" || normal == "/dev" || normal == "/dev/concourse-init" || normal == "/proc" || normal.starts_with("/proc/");
}

void check_runtimes_places(const UniqueFd& root, const std::string& name) {
  struct stat st {};
  for (const char* place : {"dev", "proc", "sys"})
    if (::fstatat(root.get(), place, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(st.st_mode))
      throw refused(name, std::string("/") + place, "must be a directory, or not be there");
}

}  // namespace concourse::garden
