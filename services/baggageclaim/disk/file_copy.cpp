#include "services/baggageclaim/disk/file_copy.hpp"

#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "common/base/error.hpp"
#include "common/base/strings.hpp"

namespace concourse::baggageclaim {

namespace {

constexpr std::int64_t kBlockUnit = 512;  // of st_blocks

void copy_through_memory(int source, int target, std::int64_t begin, std::int64_t end) {
  std::vector<char> buffer(256 << 10);
  while (begin < end) {
    const auto want = static_cast<std::size_t>(std::min<std::int64_t>(end - begin, static_cast<std::int64_t>(buffer.size())));
    const auto n = ::pread(source, buffer.data(), want, begin);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw SysError("read");
    if (n == 0) throw Error(ErrorKind::conflict, "file shrank while it was copied");
    for (ssize_t done = 0; done < n;) {
      const auto written = ::pwrite(target, buffer.data() + done, static_cast<std::size_t>(n - done), begin + done);
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) throw SysError("write");
      done += written;
    }
    begin += n;
  }
}

void copy_range(int source, int target, std::int64_t begin, std::int64_t end) {
  while (begin < end) {
    loff_t from = begin, to = begin;
    const auto n = ::copy_file_range(source, &from, target, &to, static_cast<std::size_t>(end - begin), 0);
    if (n < 0 && errno == EINTR) continue;
    // Not between these two file systems, or (0) one that lies about its sizes.
    if (n == 0 || (n < 0 && (errno == EXDEV || errno == EINVAL || errno == EOPNOTSUPP || errno == ENOSYS)))
      return copy_through_memory(source, target, begin, end);
    if (n < 0) throw SysError("copy");
    begin += n;
  }
}

}  // namespace

void for_each_data_range(int fd, const struct stat& status, const std::function<void(std::int64_t, std::int64_t)>& use) {
  const std::int64_t size = status.st_size;
  if (size == 0) return;
  if (!has_holes(status)) return use(0, size);
  for (std::int64_t at = 0; at < size;) {
    const auto data = ::lseek(fd, at, SEEK_DATA);
    if (data < 0 && errno == ENXIO) return;  // holes up to the end
    if (data < 0) return use(at, size);      // a file system that can't say
    auto hole = ::lseek(fd, data, SEEK_HOLE);
    if (hole < 0 || hole > size) hole = size;
    if (data >= hole) return;
    use(data, hole);
    at = hole;
  }
}

bool has_holes(const struct stat& status) { return status.st_blocks * kBlockUnit < status.st_size; }

void copy_content(int source, int target, const struct stat& status) {
  if (status.st_size == 0) return;
  if (::ioctl(target, FICLONE, source) == 0) return;
  for_each_data_range(source, status, [&](std::int64_t begin, std::int64_t end) { copy_range(source, target, begin, end); });
  if (::ftruncate(target, status.st_size) != 0) throw SysError("set size");
}

void copy_xattrs(const std::string& source_path, const std::string& target_path) {
  std::string names(1024, '\0');
  auto size = ::listxattr(source_path.c_str(), names.data(), names.size());
  if (size < 0 && errno == ERANGE) {
    names.resize(64 << 10);  // the kernel's limit
    size = ::listxattr(source_path.c_str(), names.data(), names.size());
  }
  if (size <= 0) return;
  names.resize(static_cast<std::size_t>(size));
  std::string value;
  for (const auto& name : split(names, '\0')) {
    if (name.empty()) continue;
    value.resize(64 << 10);
    const auto length = ::getxattr(source_path.c_str(), name.c_str(), value.data(), value.size());
    if (length < 0) continue;  // gone, or not for our eyes
    if (::setxattr(target_path.c_str(), name.c_str(), value.data(), static_cast<std::size_t>(length), 0) != 0 &&
        (errno == ENOSPC || errno == EDQUOT))
      throw SysError("set attribute " + name);
  }
}

}  // namespace concourse::baggageclaim
