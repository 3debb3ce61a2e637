#include "services/baggageclaim/fuzz/jail.hpp"

#include <fcntl.h>
#include <locale.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "common/base/error.hpp"
#include "services/baggageclaim/disk/beneath.hpp"
#include "services/baggageclaim/disk/directory.hpp"

namespace concourse::baggageclaim::fuzz {

namespace {

void must(bool done, const char* what) {
  if (!done) throw SysError(std::string("jail: ") + what);
}

// On a directory that every machine has: only this thread sees what is mounted there.
void enter_jail() {
  constexpr const char* kPlace = "/tmp";
  // Kept, so that it is there for those who ask for it in here, where its file isn't.
  static const locale_t kept = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  must(kept != nullptr, "load the locale C.UTF-8");
  must(::unshare(CLONE_NEWNS | CLONE_NEWNET) == 0, "leave the mount and network namespaces (is this root?)");
  must(::mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0, "keep mounts private");
  must(::mount("tmpfs", kPlace, "tmpfs", 0, "mode=755,size=256m,nr_inodes=50000") == 0, "mount a tmpfs");
  const auto proc = std::string(kPlace) + "/proc";
  must(::mkdir(proc.c_str(), 0755) == 0 && ::mount("/proc", proc.c_str(), nullptr, MS_BIND, nullptr) == 0, "show /proc");
  // The working directory stays where it was: a fuzzer leaves the input that it failed on there, by this thread.
  must(::chroot(kPlace) == 0, "change the root");
}

std::uint64_t hash(std::uint64_t seed, const char* bytes, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) seed = (seed ^ static_cast<unsigned char>(bytes[i])) * 0x100000001b3;
  return seed;
}

// Of the data only: a hole may be as large as a file can be.
std::uint64_t content_hash(int fd) {
  std::uint64_t sum = 0xcbf29ce484222325;
  char buffer[16384];
  for (off_t at = 0; (at = ::lseek(fd, at, SEEK_DATA)) >= 0;) {
    const auto end = ::lseek(fd, at, SEEK_HOLE);
    for (ssize_t n = 0; at < end && (n = ::pread(fd, buffer, std::min<std::size_t>(sizeof buffer, end - at), at)) > 0; at += n) {
      // Zeros may be a hole elsewhere.
      for (ssize_t i = 0; i < n; ++i)
        if (buffer[i] != 0) sum = hash(sum ^ static_cast<std::uint64_t>(at + i), buffer + i, 1);
    }
    if (at < end) break;
  }
  return sum;
}

std::string xattrs_of(const std::string& path) {
  std::string names(65536, '\0'), value(65536, '\0'), text;
  const auto size = ::llistxattr(path.c_str(), names.data(), names.size());
  std::vector<std::string> found;
  for (const char* name = names.data(); size > 0 && name < names.data() + size; name += std::string(name).size() + 1) {
    const auto n = ::lgetxattr(path.c_str(), name, value.data(), value.size());
    found.push_back(std::string(name) + "=" + (n < 0 ? "?" : value.substr(0, static_cast<std::size_t>(n))));
  }
  std::sort(found.begin(), found.end());
  for (const auto& one : found) text += " " + one;
  return text;
}

void describe(int directory, const char* name, const std::string& path, std::vector<std::string>& lines) {
  struct stat status {};
  if (::fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) != 0) throw SysError("stat '" + path + "'");
  auto line = path + " mode " + std::to_string(status.st_mode) + " owner " + std::to_string(status.st_uid) + ":" +
              std::to_string(status.st_gid) + " time " + std::to_string(status.st_mtim.tv_sec) + "." +
              std::to_string(status.st_mtim.tv_nsec);
  if (!S_ISDIR(status.st_mode)) line += " links " + std::to_string(status.st_nlink) + " device " + std::to_string(status.st_rdev);
  if (S_ISREG(status.st_mode)) {
    const UniqueFd fd(::openat(directory, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    line += " size " + std::to_string(status.st_size) + " content " + std::to_string(content_hash(fd.get()));
    line += xattrs_of(fd_path(fd.get()));
  } else if (S_ISLNK(status.st_mode)) {
    char text[4097];
    const auto n = ::readlinkat(directory, name, text, sizeof text);
    line += " to " + std::string(text, n > 0 ? static_cast<std::size_t>(n) : 0);
  }
  lines.push_back(line);
  if (!S_ISDIR(status.st_mode)) return;
  const auto inner = open_directory_at(directory, name);
  if (!inner) throw SysError("open '" + path + "'");
  lines.back() += xattrs_of(fd_path(inner.get()));
  for_each_entry(inner.get(), path, [&](const char* entry) { describe(inner.get(), entry, path + "/" + entry, lines); });
}

}  // namespace

Jail& Jail::instance() {
  // Never destroyed: its thread waits for work until the process ends.
  static auto* const jail = new Jail;
  return *jail;
}

Jail::Jail() : thread_([this] { serve(); }) {
  thread_.detach();
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return ready_; });
  if (!failure_.empty()) throw Error(ErrorKind::internal, failure_);
}

void Jail::serve() {
  try {
    enter_jail();
  } catch (const Error& e) {
    failure_ = e.what();
  }
  std::unique_lock lock(mutex_);
  ready_ = true;
  changed_.notify_all();
  for (;;) {
    changed_.wait(lock, [this] { return work_ != nullptr; });
    (*work_)();
    work_ = nullptr;
    changed_.notify_all();
  }
}

void Jail::run(const std::function<void()>& work) {
  std::unique_lock lock(mutex_);
  work_ = &work;
  changed_.notify_all();
  changed_.wait(lock, [this] { return work_ == nullptr; });
}

std::string describe_tree(int directory) {
  std::vector<std::string> lines;
  describe(directory, ".", ".", lines);
  std::sort(lines.begin(), lines.end());
  std::string text;
  for (const auto& line : lines) text += line + "\n";
  return text;
}

}  // namespace concourse::baggageclaim::fuzz
