#include "services/baggageclaim/stream/tar_create.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <vector>

#include "common/base/error.hpp"
#include "common/base/strings.hpp"
#include "common/daemon/log.hpp"
#include "common/protocol/baggageclaim.hpp"
#include "common/tar/writer.hpp"
#include "services/baggageclaim/client_error.hpp"
#include "services/baggageclaim/disk/beneath.hpp"
#include "services/baggageclaim/disk/directory.hpp"
#include "services/baggageclaim/disk/file_copy.hpp"
#include "services/baggageclaim/disk/link_names.hpp"
#include "services/baggageclaim/disk/tree_cursor.hpp"
#include "services/baggageclaim/stream/extents.hpp"
#include "services/baggageclaim/stream/packer.hpp"
#include "services/baggageclaim/stream/plain_header.hpp"
#include "services/baggageclaim/stream/read_ahead.hpp"
#include "services/baggageclaim/uidgid/capability.hpp"

namespace concourse::baggageclaim {

namespace {

constexpr std::size_t kMaxNames = 64 << 10, kMaxValue = 64 << 10;  // the kernel's, for one file's attributes

tar::Kind kind_of(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFDIR: return tar::Kind::directory;
    case S_IFLNK: return tar::Kind::symbolic_link;
    case S_IFCHR: return tar::Kind::character_device;
    case S_IFBLK: return tar::Kind::block_device;
    case S_IFIFO: return tar::Kind::fifo;
    default: return tar::Kind::file;
  }
}

class TarCreator {
 public:
  TarCreator(const IdView& view, Holes holes, BlockPipe& out) : view_(view), holes_(holes), out_(out) {}

  void run(const TarSource& source) {
    if (S_ISDIR(source.status.st_mode)) {
      auto directory = reopen_directory(source.fd.get(), source.name);
      path_ = "./";
      head(path_, source.status, directory.get());
      walk(std::move(directory));
    } else {
      // Reopened by its number: the name may mean something else by now.
      const auto path = fd_path(source.fd.get());
      UniqueFd file;
      if (S_ISREG(source.status.st_mode)) file.reset(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
      if (S_ISREG(source.status.st_mode) && !file) throw SysError("open '" + source.name + "'");
      member(source.name, source.name, source.status, file.get(), -1);
    }
    constexpr std::uint64_t kEnd = 2 * tar::kBlock;
    out_.zeros(kEnd);
    out_.flush();
    if (links_.has_given_up())
      log::warn("too many files of several names to remember: some were archived once for each", {{"source", source.name}});
  }

 private:
  // Files of the same directory together, and before what is below it: reading ahead then never holds more than one batch.
  void walk(UniqueFd root) {
    TreeCursor cursor(std::move(root));
    for (;;) {
      while (const char* name = cursor.next_kept()) child(cursor, name);
      const bool more = cursor.read([&](const char* name, unsigned char type) {
        if (type != DT_REG) return TreeCursor::Take::keep;
        ahead_.add(name);
        return ahead_.full() ? TreeCursor::Take::used_last : TreeCursor::Take::used;
      });
      files(cursor.directory());
      if (more) continue;
      if (cursor.depth() == 0) return;
      cursor.leave();
      links_.leave();
      path_.resize(path_.rfind('/', path_.size() - 2) + 1);
    }
  }

  void files(int directory) {
    const auto length = path_.size();
    ahead_.use_all(directory, [&](const ReadAhead::File& file) {
      set_name(length, file.name);
      regular_file(directory, file);
    });
    path_.resize(length);
  }

  // path_ is the current directory's: makes it that of an entry.
  void set_name(std::size_t length, const std::string& name) {
    path_.resize(length);
    path_ += name;
    if (path_.size() > kMaxPath)
      throw Error(ErrorKind::invalid,
                  "'" + shown(path_) + "' is nested too deeply: its path has more than " + std::to_string(kMaxPath) + " bytes");
  }

  void regular_file(int directory, const ReadAhead::File& file) {
    if (file.error == ENOENT || is_other_by_now(file.error)) return;
    if (file.error != 0) throw SysError("open '" + shown(path_) + "'", file.error);
    if (!S_ISREG(file.status.st_mode)) return;
    if (!file.loaded) return member(path_, file.name, file.status, file.fd.get(), directory);
    if (file.status.st_nlink > 1 && wrote_as_link(path_, file.name, file.status)) return;
    if (file.has_xattrs || !wrote_as_plain(file)) {
      auto described = describe(path_, file.status);
      if (file.has_xattrs) add_xattrs(described, file.fd.get());
      out_.write(tar::header_of(described));
    }
    out_.write(file.content);
    out_.zeros(tar::padding(file.content.size()));
  }

  bool wrote_as_plain(const ReadAhead::File& file) {
    const auto header = plain_header({.path = path_,
                                      .mode = file.status.st_mode,
                                      .uid = view_.to_container(file.status.st_uid),
                                      .gid = view_.to_container(file.status.st_gid),
                                      .size = file.content.size(),
                                      .mtime = file.status.st_mtim},
                                     header_);
    out_.write(header);
    return !header.empty();
  }

  // A link, a directory or a socket where a file was when its directory was read.
  static bool is_other_by_now(int error) { return error == ELOOP || error == ENOTDIR || error == ENXIO; }

  void child(TreeCursor& cursor, const char* name) {
    const auto length = path_.size();
    set_name(length, name);
    const int directory = cursor.directory();
    struct stat status {};
    if (::fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno != ENOENT) throw SysError("stat '" + shown(path_) + "'");
      return path_.resize(length);
    }
    if (S_ISSOCK(status.st_mode)) return path_.resize(length);
    // A fifo doesn't block (O_NONBLOCK), a link isn't followed.
    UniqueFd fd;
    if (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode)) {
      const int type = S_ISDIR(status.st_mode) ? O_DIRECTORY : O_NONBLOCK;
      fd.reset(::openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NOATIME | O_CLOEXEC | type));
      if (!fd && (errno == ENOENT || is_other_by_now(errno))) return path_.resize(length);
      if (!fd) throw SysError("open '" + shown(path_) + "'");
      if (::fstat(fd.get(), &status) != 0) throw SysError("stat '" + shown(path_) + "'");
    }
    if (S_ISDIR(status.st_mode)) {
      head(path_, status, fd.get());
      path_ += '/';
      links_.enter(name);
      return cursor.enter(std::move(fd));
    }
    member(path_, name, status, fd.get(), directory);
    path_.resize(length);
  }

  // Everything but directories. `fd` is open for regular files; a link is read from `directory`.
  void member(const std::string& path, const std::string& name, const struct stat& status, int fd, int directory) {
    if (status.st_nlink > 1 && wrote_as_link(path, name, status)) return;
    auto described = describe(path, status);
    if (S_ISREG(status.st_mode)) {
      add_xattrs(described, fd);
      return file(described, status, fd);
    }
    if (S_ISLNK(status.st_mode)) {
      char target[PATH_MAX];
      const auto size = ::readlinkat(directory, name.c_str(), target, sizeof target);
      if (size < 0) throw SysError("read link '" + shown(path) + "'");
      described.link.assign(target, static_cast<std::size_t>(size));
    } else if (S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode)) {
      described.major = ::gnu_dev_major(status.st_rdev);
      described.minor = ::gnu_dev_minor(status.st_rdev);
    }
    out_.write(tar::header_of(described));
  }

  void head(const std::string& path, const struct stat& status, int fd) {
    auto described = describe(path, status);
    add_xattrs(described, fd);
    if (!described.path.ends_with('/')) described.path += '/';
    out_.write(tar::header_of(described));
  }

  tar::Member describe(const std::string& path, const struct stat& status) const {
    tar::Member described;
    described.kind = kind_of(status.st_mode);
    described.path = path;
    described.mode = status.st_mode & 07777;
    described.uid = view_.to_container(status.st_uid);
    described.gid = view_.to_container(status.st_gid);
    described.mtime = status.st_mtim;
    if (S_ISREG(status.st_mode)) described.size = static_cast<std::uint64_t>(status.st_size);
    return described;
  }

  // A file with several names: later ones refer to the first.
  bool wrote_as_link(const std::string& path, const std::string& name, const struct stat& status) {
    const auto first = links_.seen_before(status, name);
    if (!first) return false;
    auto described = describe(path, status);
    described.kind = tar::Kind::hard_link;
    described.size = 0;
    described.link = "./" + *first;
    out_.write(tar::header_of(described));
    return true;
  }

  void file(const tar::Member& described, const struct stat& status, int fd) {
    if (holes_ == Holes::kept && has_holes(status)) return file_with_holes(described, status, fd);
    out_.write(tar::header_of(described));
    std::int64_t at = 0;
    for_each_data_range(fd, status, [&](std::int64_t begin, std::int64_t end) {
      out_.zeros(static_cast<std::uint64_t>(begin - at));
      content(described.path, fd, begin, end);
      at = end;
    });
    out_.zeros(static_cast<std::uint64_t>(status.st_size - at));
    out_.zeros(tar::padding(described.size));
  }

  void file_with_holes(const tar::Member& described, const struct stat& status, int fd) {
    const auto extents = data_extents(fd, status, kMaxExtents);
    out_.write(tar::sparse_header_of(described, extents));
    tar::write_map(described, extents, [&](std::string_view text) { out_.write(text); });
    for (const auto& extent : extents)
      content(described.path, fd, static_cast<std::int64_t>(extent.at), static_cast<std::int64_t>(extent.at + extent.size));
    out_.zeros(tar::padding(tar::sparse_size(described, extents)));
  }

  void content(const std::string& path, int fd, std::int64_t at, std::int64_t end) {
    while (at < end) {
      std::size_t size = 0;
      char* to = out_.room(size);
      const auto n =
          ::pread(fd, to, static_cast<std::size_t>(std::min<std::int64_t>(end - at, static_cast<std::int64_t>(size))), at);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) throw SysError("read '" + shown(path) + "'");
      if (n == 0) throw Error(ErrorKind::conflict, "'" + shown(path) + "' shrank while it was read");
      out_.take(static_cast<std::size_t>(n));
      at += n;
    }
  }

  void add_xattrs(tar::Member& to, int fd) {
    if (::flistxattr(fd, nullptr, 0) <= 0) return;
    attribute_names_.resize(kMaxNames);
    const auto size = ::flistxattr(fd, attribute_names_.data(), attribute_names_.size());
    if (size <= 0) return;
    std::string value;
    std::size_t spent = 0;
    for (const auto& name : split(std::string_view(attribute_names_.data(), static_cast<std::size_t>(size)), '\0')) {
      const bool capability = to.kind == tar::Kind::file && name == kCapabilityXattr;
      if (!capability && !name.starts_with("user.")) continue;
      value.resize(kMaxValue);
      const auto length = ::fgetxattr(fd, name.c_str(), value.data(), value.size());
      if (length < 0) continue;
      value.resize(static_cast<std::size_t>(length));
      if (capability) {
        auto plain = capability_to_container(value, view_);
        if (!plain) continue;
        value = std::move(*plain);
      }
      spent += name.size() + value.size();
      if (spent > kMaxAttributeBytes)
        return log::warn("a file has too many attributes: some were left out",
                         {{"file", shown(to.path)}, {"limit", kMaxAttributeBytes}});
      to.attributes.emplace_back(name, value);
    }
  }

  const IdView view_;
  const Holes holes_;
  Packer out_;
  std::string path_;  // of the current directory, with a slash at its end, or of an entry in it
  PlainHeader header_;
  ReadAhead ahead_;
  LinkNames links_;
  std::vector<char> attribute_names_;
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

void create_tar(const TarSource& source, const IdView& view, Holes holes, BlockPipe& out) noexcept {
  try {
    TarCreator(view, holes, out).run(source);
    out.close();
  } catch (...) {
    out.close(std::current_exception());
  }
}

}  // namespace concourse::baggageclaim
