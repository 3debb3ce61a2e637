#include "services/baggageclaim/disk/tree_cursor.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "common/base/error.hpp"

namespace concourse::baggageclaim {

void DirectoryStack::push(UniqueFd directory) {
  struct stat status {};
  if (::fstat(directory.get(), &status) != 0) throw SysError("stat a directory");
  if (levels_.size() >= open_) levels_[levels_.size() - open_].fd.reset();
  levels_.push_back({std::move(directory), status.st_dev, status.st_ino});
}

void DirectoryStack::pop() {
  if (levels_.size() > 1 && !levels_[levels_.size() - 2].fd) {
    auto& above = levels_[levels_.size() - 2];
    UniqueFd fd(::openat(top(), "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    struct stat status {};
    if (!fd || ::fstat(fd.get(), &status) != 0) throw SysError("go back to a directory");
    if (status.st_dev != above.device || status.st_ino != above.inode)
      throw Error(ErrorKind::conflict, "a directory was moved while its content was read");
    above.fd = std::move(fd);
  }
  levels_.pop_back();
}

void TreeCursor::enter(UniqueFd directory) {
  directories_.push(std::move(directory));
  // Its descriptor may have been read from before.
  if (::lseek(directories_.top(), 0, SEEK_SET) != 0) throw SysError("read a directory");
  levels_.push_back({.names = names_.size(), .at = names_.size()});
  begin_ = end_ = 0;
}

void TreeCursor::leave() {
  names_.resize(levels_.back().names);
  levels_.pop_back();
  directories_.pop();
  begin_ = end_ = 0;
  if (!levels_.back().ended && ::lseek(directories_.top(), levels_.back().position, SEEK_SET) < 0)
    throw SysError("go on reading a directory");
}

const char* TreeCursor::next_kept() {
  auto& level = levels_.back();
  if (level.at == names_.size()) return nullptr;
  const char* name = names_.c_str() + level.at;
  level.at += std::strlen(name) + 1;
  return name;
}

bool TreeCursor::fill(Level& level) {
  if (begin_ < end_) return true;
  const auto n = ::getdents64(directories_.top(), buffer_.data(), buffer_.size());
  // One that was removed has no more entries.
  if (n < 0 && errno != ENOENT) throw SysError("read a directory");
  begin_ = 0;
  end_ = static_cast<std::size_t>(std::max<ssize_t>(n, 0));
  level.ended = end_ == 0;
  return !level.ended;
}

bool TreeCursor::read(const std::function<Take(const char*, unsigned char)>& take) {
  auto& level = levels_.back();
  if (level.at < names_.size()) return true;
  names_.resize(level.names);
  level.at = level.names;
  bool any = false;
  while (!level.ended && fill(level)) {
    const auto* entry = reinterpret_cast<const dirent64*>(buffer_.data() + begin_);
    const std::string_view name = entry->d_name;
    begin_ += entry->d_reclen;
    level.position = entry->d_off;
    if (name == "." || name == "..") continue;
    any = true;
    const auto taken = take(entry->d_name, entry->d_type);
    if (taken == Take::used_last) return true;
    if (taken == Take::used) continue;
    names_ += name;
    names_ += '\0';
    if (names_.size() >= kNames || names_.size() - level.names >= kNamesPerDirectory) return true;
  }
  return any;
}

}  // namespace concourse::baggageclaim
