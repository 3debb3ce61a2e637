#include "services/baggageclaim/stream/tar_create.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <vector>

#include "common/base/error.hpp"
#include "common/base/strings.hpp"
#include "common/protocol/baggageclaim.hpp"
#include "services/baggageclaim/client_error.hpp"
#include "services/baggageclaim/disk/beneath.hpp"
#include "services/baggageclaim/disk/directory.hpp"
#include "services/baggageclaim/disk/file_copy.hpp"
#include "services/baggageclaim/stream/archive.hpp"
#include "services/baggageclaim/stream/plain_header.hpp"
#include "services/baggageclaim/stream/read_ahead.hpp"
#include "services/baggageclaim/uidgid/capability.hpp"

namespace concourse::baggageclaim {

namespace {

constexpr int kMaxArchiveDepth = 2000;  // directories open at the same time
constexpr std::size_t kReadSize = 512 << 10;
constexpr std::size_t kMaxOthers = 1024;  // names of what isn't a file, held at each depth

// Packs libarchive's small writes into the pipe's blocks.
struct Packer {
  BlockPipe& out;
  bool broken = false;  // nothing more may be written
  char* block = nullptr;
  std::size_t used = 0;

  bool write(const char* bytes, std::size_t size) {
    while (size > 0) {
      if (broken) return false;
      if (block == nullptr && (block = out.acquire()) == nullptr) return false;
      const auto n = std::min(size, out.block_size() - used);
      std::memcpy(block + used, bytes, n);
      used += n;
      bytes += n;
      size -= n;
      if (used == out.block_size()) flush();
    }
    return true;
  }
  void flush() {
    if (block == nullptr || used == 0) return;
    out.push(used);
    block = nullptr;
    used = 0;
  }
};

la_ssize_t write_block(archive* writer, void* client, const void* bytes, std::size_t size) {
  if (static_cast<Packer*>(client)->write(static_cast<const char*>(bytes), size)) return static_cast<la_ssize_t>(size);
  archive_set_error(writer, ECANCELED, "nobody reads any more");
  return -1;
}

class TarCreator {
 public:
  TarCreator(const IdView& view, BlockPipe& out)
      : view_(view),
        packer_{.out = out},
        writer_(archive_write_new(), archive_write_free),
        entry_(archive_entry_new(), archive_entry_free),
        buffer_(kReadSize) {
    if (!writer_ || !entry_) throw Error(ErrorKind::internal, "libarchive: out of memory");
    check(archive_write_add_filter_none(writer_.get()));
    check(archive_write_set_format_pax(writer_.get()));
    check(archive_write_set_bytes_per_block(writer_.get(), 0));
    check(archive_write_open(writer_.get(), &packer_, nullptr, write_block, nullptr));
  }

  // An archive that isn't whole is given up first: closing it as it is would fill up its last member with zeros. Freeing it without
  // closing it loses memory in libarchive 3.6.
  ~TarCreator() {
    if (complete_) return;
    packer_.broken = true;
    archive_write_fail(writer_.get());
    archive_write_close(writer_.get());
  }

  void run(const TarSource& source) {
    if (S_ISDIR(source.status.st_mode)) {
      const auto directory = reopen_directory(source.fd.get(), source.name);
      head("./", source.status, directory.get());
      children(directory.get(), "./", 0);
    } else {
      // Reopened by its number: the name may mean something else by now.
      const auto path = fd_path(source.fd.get());
      UniqueFd file;
      if (S_ISREG(source.status.st_mode)) file.reset(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
      if (S_ISREG(source.status.st_mode) && !file) throw SysError("open '" + source.name + "'");
      member(source.name, source.status, file.get(), -1, nullptr);
    }
    check(archive_write_close(writer_.get()));
    complete_ = true;
    packer_.flush();
  }

 private:
  void check(int result) {
    if (result >= ARCHIVE_WARN) return;
    const char* why = archive_error_string(writer_.get());
    throw Error(ErrorKind::internal, std::string("archive: ") + (why != nullptr ? why : "unknown error"));
  }

  void children(int directory, const std::string& prefix, int depth) {
    if (depth > kMaxArchiveDepth) throw Error(ErrorKind::invalid, "'" + prefix + "' is nested too deeply");
    // Files of the same directory together, and before what is below it: reading ahead then never holds more than one batch.
    std::vector<std::string> others;
    for_each_entry(directory, prefix, [&](const char* name, unsigned char type) {
      if (type == DT_REG) ahead_.add(name);
      else others.emplace_back(name);
      if (ahead_.full() || others.size() == kMaxOthers) batch(directory, prefix, others, depth);
    });
    batch(directory, prefix, others, depth);
  }

  void batch(int directory, const std::string& prefix, std::vector<std::string>& others, int depth) {
    std::string path = prefix;
    ahead_.use_all(directory, [&](const ReadAhead::File& file) {
      path.replace(prefix.size(), path.npos, file.name);
      regular_file(directory, file, path);
    });
    for (const auto& name : others) child(directory, name.c_str(), prefix + name, depth);
    others.clear();
  }

  void regular_file(int directory, const ReadAhead::File& file, const std::string& path) {
    if (file.error == ENOENT || is_other_by_now(file.error)) return;
    if (file.error != 0) throw SysError("open '" + path + "'", file.error);
    if (!S_ISREG(file.status.st_mode)) return;
    if (!file.loaded) return member(path, file.status, file.fd.get(), directory, file.name.c_str());
    if (file.status.st_nlink > 1 && wrote_as_link(path, file.status)) return;
    if (file.status.st_nlink == 1 && !file.has_xattrs && wrote_as_plain(path, file)) return;
    begin(path, file.status);
    if (file.has_xattrs) add_xattrs(file.fd.get(), true);
    archive_entry_set_size(entry_.get(), file.status.st_size);
    check(archive_write_header(writer_.get(), entry_.get()));
    data(file.content.data(), file.content.size());
  }

  bool wrote_as_plain(const std::string& path, const ReadAhead::File& file) {
    const auto header = plain_header({.path = path,
                                      .mode = file.status.st_mode,
                                      .uid = view_.to_container(file.status.st_uid),
                                      .gid = view_.to_container(file.status.st_gid),
                                      .size = file.content.size(),
                                      .mtime = file.status.st_mtim},
                                     header_);
    if (header.empty()) return false;
    check(archive_write_finish_entry(writer_.get()));  // the library's own last entry
    static constexpr char kZeros[512] = {};
    if (!packer_.write(header.data(), header.size()) || !packer_.write(file.content.data(), file.content.size()) ||
        !packer_.write(kZeros, tar_padding(file.content.size())))
      throw Error(ErrorKind::cancelled, "nobody reads any more");
    return true;
  }

  // A link, a directory or a socket where a file was when its directory was read.
  static bool is_other_by_now(int error) { return error == ELOOP || error == ENOTDIR || error == ENXIO; }

  void child(int directory, const char* name, const std::string& path, int depth) {
    struct stat status {};
    // Most entries are files: try to open first. A fifo doesn't block (O_NONBLOCK), a link isn't followed, a socket or device
    // without driver can't be opened.
    if (::fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno == ENOENT) return;
      throw SysError("stat '" + path + "'");
    }
    if (S_ISSOCK(status.st_mode)) return;
    UniqueFd fd;
    if (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode)) {
      const int type = S_ISDIR(status.st_mode) ? O_DIRECTORY : O_NONBLOCK;
      fd.reset(::openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NOATIME | O_CLOEXEC | type));
      if (!fd && (errno == ENOENT || is_other_by_now(errno))) return;
      if (!fd) throw SysError("open '" + path + "'");
      if (::fstat(fd.get(), &status) != 0) throw SysError("stat '" + path + "'");
    }
    if (S_ISDIR(status.st_mode)) {
      head(path, status, fd.get());
      return children(fd.get(), path + "/", depth + 1);
    }
    member(path, status, fd.get(), directory, name);
  }

  // Everything but directories. `fd` is open for regular files; a link is read from `directory`.
  void member(const std::string& path, const struct stat& status, int fd, int directory, const char* name) {
    if (status.st_nlink > 1 && wrote_as_link(path, status)) return;
    begin(path, status);
    if (S_ISLNK(status.st_mode)) {
      char target[PATH_MAX];
      const auto size = ::readlinkat(directory, name, target, sizeof target - 1);
      if (size < 0) throw SysError("read link '" + path + "'");
      target[size] = '\0';
      archive_entry_set_symlink(entry_.get(), target);
    } else if (S_ISREG(status.st_mode)) {
      add_xattrs(fd, true);
      archive_entry_set_size(entry_.get(), status.st_size);
      return file(path, status, fd);
    } else if (S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode)) {
      archive_entry_set_rdev(entry_.get(), status.st_rdev);
    }
    check(archive_write_header(writer_.get(), entry_.get()));
  }

  void head(const std::string& path, const struct stat& status, int fd) {
    begin(path, status);
    add_xattrs(fd, false);
    check(archive_write_header(writer_.get(), entry_.get()));
  }

  void begin(const std::string& path, const struct stat& status) {
    archive_entry_clear(entry_.get());
    archive_entry_set_pathname(entry_.get(), path.c_str());
    archive_entry_set_mode(entry_.get(), status.st_mode);
    archive_entry_set_uid(entry_.get(), view_.to_container(status.st_uid));
    archive_entry_set_gid(entry_.get(), view_.to_container(status.st_gid));
    archive_entry_set_mtime(entry_.get(), status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
  }

  // A file with several names: later ones refer to the first.
  bool wrote_as_link(const std::string& path, const struct stat& status) {
    const auto [found, first] = names_.try_emplace({status.st_dev, status.st_ino}, Names{path, status.st_nlink - 1});
    if (first) return false;
    begin(path, status);
    archive_entry_set_hardlink(entry_.get(), found->second.first.c_str());
    check(archive_write_header(writer_.get(), entry_.get()));
    if (--found->second.left == 0) names_.erase(found);
    return true;
  }

  void file(const std::string& path, const struct stat& status, int fd) {
    const auto ranges = data_ranges(fd, status);
    const bool has_holes = ranges.size() != 1 || ranges[0].first != 0 || ranges[0].second != status.st_size;
    if (has_holes && status.st_size > 0)
      for (const auto& [begin_at, end_at] : ranges) archive_entry_sparse_add_entry(entry_.get(), begin_at, end_at - begin_at);
    check(archive_write_header(writer_.get(), entry_.get()));
    // libarchive wants the holes too, and leaves them out itself.
    std::int64_t at = 0;
    for (const auto& [begin_at, end_at] : ranges) {
      zeros(begin_at - at);
      content(path, fd, begin_at, end_at);
      at = end_at;
    }
    zeros(status.st_size - at);
  }

  void content(const std::string& path, int fd, std::int64_t at, std::int64_t end) {
    while (at < end) {
      const auto n = ::pread(fd, buffer_.data(), static_cast<std::size_t>(std::min<std::int64_t>(end - at, kReadSize)), at);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) throw SysError("read '" + path + "'");
      if (n == 0) throw Error(ErrorKind::conflict, "'" + path + "' shrank while it was read");
      data(buffer_.data(), static_cast<std::size_t>(n));
      at += n;
    }
  }

  void zeros(std::int64_t size) {
    if (size <= 0) return;
    std::fill(buffer_.begin(), buffer_.end(), '\0');
    for (; size > 0; size -= static_cast<std::int64_t>(kReadSize))
      data(buffer_.data(), static_cast<std::size_t>(std::min<std::int64_t>(size, kReadSize)));
  }

  void data(const char* bytes, std::size_t size) {
    while (size > 0) {
      const auto n = archive_write_data(writer_.get(), bytes, size);
      if (n <= 0) check(ARCHIVE_FATAL);
      bytes += n;
      size -= static_cast<std::size_t>(n);
    }
  }

  void add_xattrs(int fd, bool with_capability) {
    char names[4096];
    const auto size = ::flistxattr(fd, names, sizeof names);
    if (size <= 0) return;
    std::string value;
    for (const auto& name : split(std::string_view(names, static_cast<std::size_t>(size)), '\0')) {
      const bool capability = with_capability && name == kCapabilityXattr;
      if (!capability && !name.starts_with("user.")) continue;
      value.resize(64 << 10);
      const auto length = ::fgetxattr(fd, name.c_str(), value.data(), value.size());
      if (length < 0) continue;
      value.resize(static_cast<std::size_t>(length));
      if (capability) {
        auto plain = capability_to_container(value, view_);
        if (!plain) continue;
        value = std::move(*plain);
      }
      archive_entry_xattr_add_entry(entry_.get(), name.c_str(), value.data(), value.size());
    }
  }

  struct Names {
    std::string first;
    nlink_t left;  // that haven't been seen; the entry goes with the last
  };

  const Utf8Locale utf8_;
  const IdView view_;
  Packer packer_;
  ArchiveWriter writer_;
  ArchiveEntry entry_;
  bool complete_ = false;
  std::vector<char> buffer_;
  PlainHeader header_;
  ReadAhead ahead_;
  std::map<std::pair<dev_t, ino_t>, Names> names_;
};

}  // namespace

TarSource open_tar_source(int root, const std::string& path) {
  TarSource source;
  std::optional<UniqueFd> fd;
  try {
    fd = open_in_root(root, clean_relative(path), O_PATH);
  } catch (const SysError& e) {
    if (e.error_number() != ELOOP && e.error_number() != ENAMETOOLONG) throw;
  }
  if (!fd) throw ClientError(404, std::string(protocol::baggageclaim::kNoSuchFile), "no '" + path + "' in the volume");
  source.fd = std::move(*fd);
  if (::fstat(source.fd.get(), &source.status) != 0) throw SysError("stat '" + path + "'");
  source.name = clean_relative(path);
  source.name = source.name.substr(source.name.rfind('/') + 1);
  return source;
}

void create_tar(const TarSource& source, const IdView& view, BlockPipe& out) noexcept {
  try {
    TarCreator(view, out).run(source);
    out.close();
  } catch (...) {
    out.close(std::current_exception());
  }
}

}  // namespace concourse::baggageclaim
