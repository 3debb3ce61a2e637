#include "services/baggageclaim/stream/tar_extract.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <exception>

#include "common/base/strings.hpp"
#include "services/baggageclaim/client_error.hpp"
#include "services/baggageclaim/disk/beneath.hpp"
#include "services/baggageclaim/stream/archive.hpp"
#include "services/baggageclaim/uidgid/capability.hpp"

namespace concourse::baggageclaim {

namespace {

// What libarchive's callback, which must not throw, had to say.
struct Feed {
  BlockPipe& in;
  std::exception_ptr failure;
};

la_ssize_t read_block(archive* reader, void* client, const void** out) {
  auto* feed = static_cast<Feed*>(client);
  try {
    const auto block = feed->in.next();
    *out = block.data();
    return static_cast<la_ssize_t>(block.size());
  } catch (...) {
    feed->failure = std::current_exception();
    archive_set_error(reader, EIO, "source failed");
    return -1;
  }
}

// How much is written between two looks at the room that is left; a member counts for some bytes, so that inodes are looked at too.
constexpr std::uint64_t kLookAfter = 1 << 20, kMemberBytes = 16 << 10;

void write_at(int fd, const char* bytes, std::size_t size, std::int64_t offset, const Member& member) {
  while (size > 0) {
    const auto n = ::pwrite(fd, bytes, size, offset);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw SysError("write '" + member.path + "'");
    bytes += n;
    size -= static_cast<std::size_t>(n);
    offset += n;
  }
}

class TarExtractor {
 public:
  TarExtractor(BlockPipe& in, int root, const ExtractOptions& options)
      : options_(options),
        feed_{in, nullptr},
        reader_(archive_read_new(), archive_read_free),
        entry_(archive_entry_new(), archive_entry_free),
        writer_(root, options.view.root(), options.view.root(), options.implicit_mode),
        budget_(options.limits) {
    if (!reader_ || !entry_) throw Error(ErrorKind::internal, "libarchive: out of memory");
    archive_read_support_format_tar(reader_.get());
    archive_read_support_format_empty(reader_.get());
    check(archive_read_open(reader_.get(), &feed_, nullptr, read_block, nullptr));
  }

  void run() {
    for (;;) {
      const int result = archive_read_next_header2(reader_.get(), entry_.get());
      if (result == ARCHIVE_EOF) break;
      check(result);
      budget_.count_entry();
      spend(kMemberBytes);
      extract();
    }
    writer_.finish();
  }

 private:
  // A warning concerns what isn't carried over anyway (a name that is no UTF-8 in a pax header keeps its bytes).
  void check(int result) {
    if (result >= ARCHIVE_WARN) return;
    if (feed_.failure) std::rethrow_exception(feed_.failure);
    const char* why = archive_error_string(reader_.get());
    throw bad_archive(std::string("bad archive: ") + (why != nullptr ? why : "unknown error"));
  }

  void extract() {
    const auto member = describe();
    const auto file = writer_.create(member);
    if (!file) return;
    copy_content(file.get(), member);
    writer_.finish_file(file.get(), member);
  }

  void spend(std::uint64_t bytes) {
    spent_ += bytes;
    if (spent_ < kLookAfter || !options_.room) return;
    spent_ = 0;
    options_.room();
  }

  void copy_content(int fd, const Member& member) {
    std::int64_t end = 0;
    for (;;) {
      const void* bytes = nullptr;
      std::size_t size = 0;
      la_int64_t offset = 0;
      const int result = archive_read_data_block(reader_.get(), &bytes, &size, &offset);
      if (result == ARCHIVE_EOF) break;
      check(result);
      budget_.count_bytes(size);
      spend(size);
      write_at(fd, static_cast<const char*>(bytes), size, offset, member);
      end = offset + static_cast<std::int64_t>(size);
    }
    // A hole at the end.
    if (const auto size = archive_entry_size(entry_.get()); size > end && ::ftruncate(fd, size) != 0)
      throw bad_archive("size of '" + member.path + "': " + errno_text(errno));
  }

  Member describe() {
    Member member;
    member.path = clean_path(archive_entry_pathname(entry_.get()), "a member");
    if (const char* other = archive_entry_hardlink(entry_.get())) {
      member.hard_link = true;
      member.link = clean_path(other, "a hard link of '" + member.path + "'");
      return member;
    }
    member.mode = archive_entry_mode(entry_.get());
    member.uid = host_id(archive_entry_uid(entry_.get()), member.path);
    member.gid = host_id(archive_entry_gid(entry_.get()), member.path);
    member.mtime = {time_of(member.path), archive_entry_mtime_nsec(entry_.get())};
    switch (member.mode & S_IFMT) {
      case S_IFREG: collect_xattrs(member); break;
      case S_IFDIR: collect_xattrs(member); break;
      case S_IFIFO: break;
      case S_IFLNK: {
        const char* text = archive_entry_symlink(entry_.get());
        if (text == nullptr || *text == '\0') throw bad_archive("symbolic link '" + member.path + "' without a target");
        member.link = text;
        break;
      }
      case S_IFCHR:
      case S_IFBLK:
        if (!options_.devices) throw bad_archive("'" + member.path + "' is a device, which an unprivileged volume can't have");
        member.device = archive_entry_rdev(entry_.get());
        break;
      default: throw bad_archive("'" + member.path + "' is of an unknown type");
    }
    return member;
  }

  // Leading slashes go, as GNU tar does it; ".." is refused.
  static std::string clean_path(const char* raw, const std::string& whose) {
    if (raw == nullptr) throw bad_archive(whose + " has a name that can't be read");
    auto path = clean_relative(raw);
    for (const auto& part : split(path, '/'))
      if (part == "..") throw bad_archive(whose + " has a name with '..': '" + path + "'");
    return path;
  }

  std::uint32_t host_id(la_int64_t id, const std::string& path) const {
    const auto host = id < 0 ? std::nullopt : options_.view.to_host(static_cast<std::uint64_t>(id));
    if (!host) throw bad_archive("'" + path + "' has owner " + std::to_string(id) + ", which doesn't exist here");
    return *host;
  }

  // libarchive makes a time that it can't hold the first or last one that it can.
  time_t time_of(const std::string& path) const {
    const auto time = archive_entry_mtime(entry_.get());
    if (time == INT64_MIN || time == INT64_MAX) throw bad_archive("'" + path + "' has a modification time that is out of range");
    return time;
  }

  // Only what can do no harm outside the volume; trusted.overlay.* above all would.
  void collect_xattrs(Member& member) {
    const char* name = nullptr;
    const void* value = nullptr;
    std::size_t size = 0;
    if (archive_entry_xattr_reset(entry_.get()) == 0) return;
    while (archive_entry_xattr_next(entry_.get(), &name, &value, &size) == ARCHIVE_OK) {
      if (name == nullptr) continue;
      const std::string_view text(static_cast<const char*>(value), size);
      if (std::string_view(name).starts_with("user.")) member.xattrs.emplace_back(name, text);
      else if (std::string_view(name) == kCapabilityXattr && S_ISREG(member.mode))
        if (auto capability = capability_to_host(text, options_.view)) member.xattrs.emplace_back(name, *capability);
    }
  }

  const Utf8Locale utf8_;
  const ExtractOptions& options_;
  Feed feed_;
  ArchiveReader reader_;
  ArchiveEntry entry_;
  DiskWriter writer_;
  StreamBudget budget_;
  std::uint64_t spent_ = 0;  // since the last look at the room
};

}  // namespace

void extract_tar(BlockPipe& in, int root, const ExtractOptions& options) { TarExtractor(in, root, options).run(); }

}  // namespace concourse::baggageclaim
