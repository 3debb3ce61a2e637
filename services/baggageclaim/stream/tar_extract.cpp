#include "services/baggageclaim/stream/tar_extract.hpp"

#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include "common/base/strings.hpp"
#include "common/tar/reader.hpp"
#include "services/baggageclaim/client_error.hpp"
#include "services/baggageclaim/disk/beneath.hpp"
#include "services/baggageclaim/uidgid/capability.hpp"

namespace concourse::baggageclaim {

namespace {

// How much is written between two looks at the room that is left; a member counts for some bytes, so that inodes are looked at too.
constexpr std::uint64_t kLookAfter = 1 << 20, kMemberBytes = 16 << 10;

// Zeros in whole blocks of the file system needn't be written to a file that is new; for fewer it isn't worth a hole.
constexpr std::size_t kHoleUnit = 4 << 10, kHoleFrom = 32 << 10;

bool is_zero(const char* bytes, std::size_t size) { return bytes[0] == '\0' && std::memcmp(bytes, bytes + 1, size - 1) == 0; }

class TarExtractor {
 public:
  TarExtractor(BlockPipe& in, int root, const ExtractOptions& options)
      : options_(options),
        reader_([&in] { return in.next(); }),
        writer_(root, options.view.root(), options.view.root(), options.implicit_mode),
        budget_(options.limits) {}

  void run() {
    for (tar::Member member; reader_.next(member);) {
      budget_.count_entry();
      spend(kMemberBytes);
      extract(describe(member), member.size);
    }
    writer_.finish();
  }

 private:
  void extract(const Member& member, std::uint64_t size) {
    const auto file = writer_.create(member);
    if (!file) return;
    copy_content(file.get(), member, size);
    writer_.finish_file(file.get(), member);
  }

  void spend(std::uint64_t bytes) {
    spent_ += bytes;
    if (spent_ < kLookAfter || !options_.room) return;
    spent_ = 0;
    options_.room();
  }

  void copy_content(int fd, const Member& member, std::uint64_t size) {
    std::uint64_t end = 0;
    for (auto piece = reader_.content(); !piece.bytes.empty(); piece = reader_.content()) {
      budget_.count_bytes(piece.bytes.size());
      spend(piece.bytes.size());
      end = std::max(end, write_piece(fd, piece, member));
    }
    if (size > static_cast<std::uint64_t>(INT64_MAX) || (size > end && ::ftruncate(fd, static_cast<off_t>(size)) != 0))
      throw bad_archive("size of '" + member.path +
                        "': " + errno_text(size > static_cast<std::uint64_t>(INT64_MAX) ? EFBIG : errno));
  }

  // Returns where what it wrote ends: zeros may be left out.
  static std::uint64_t write_piece(int fd, const tar::Piece& piece, const Member& member) {
    const auto bytes = piece.bytes;
    std::size_t from = 0, at = 0;
    std::uint64_t end = 0;
    const auto write = [&](std::size_t until) {
      if (until > from) write_at(fd, bytes.substr(from, until - from), piece.at + from, member), end = piece.at + until;
    };
    while (bytes.size() - at >= kHoleFrom) {
      // Up to the next whole block, then from block to block.
      auto zeros = at + (kHoleUnit - (piece.at + at) % kHoleUnit) % kHoleUnit;
      const auto begin = zeros;
      while (bytes.size() - zeros >= kHoleUnit && is_zero(bytes.data() + zeros, kHoleUnit)) zeros += kHoleUnit;
      at = std::max(zeros, begin + kHoleUnit);
      if (zeros - begin < kHoleFrom) continue;
      write(begin);
      from = zeros;
    }
    write(bytes.size());
    return end;
  }

  static void write_at(int fd, std::string_view bytes, std::uint64_t at, const Member& member) {
    while (!bytes.empty()) {
      const auto n = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(at));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && (errno == EFBIG || errno == EINVAL)) throw bad_archive("size of '" + member.path + "': " + errno_text(EFBIG));
      if (n < 0) throw SysError("write '" + member.path + "'");
      bytes.remove_prefix(static_cast<std::size_t>(n));
      at += static_cast<std::uint64_t>(n);
    }
  }

  Member describe(tar::Member& read) const {
    Member member;
    member.path = clean_path(read.path, "a member");
    if (read.kind == tar::Kind::hard_link) {
      member.hard_link = true;
      member.link = clean_path(read.link, "a hard link of '" + member.path + "'");
      return member;
    }
    member.mode = read.mode;
    member.uid = host_id(read.uid, member.path);
    member.gid = host_id(read.gid, member.path);
    member.mtime = read.mtime;
    switch (read.kind) {
      case tar::Kind::file:
        member.mode |= S_IFREG;
        collect_xattrs(member, read.attributes);
        break;
      case tar::Kind::directory:
        member.mode |= S_IFDIR;
        collect_xattrs(member, read.attributes);
        break;
      case tar::Kind::fifo: member.mode |= S_IFIFO; break;
      case tar::Kind::symbolic_link:
        if (read.link.empty()) throw bad_archive("symbolic link '" + member.path + "' without a target");
        member.mode |= S_IFLNK;
        member.link = std::move(read.link);
        break;
      case tar::Kind::character_device:
      case tar::Kind::block_device:
        if (!options_.devices) throw bad_archive("'" + member.path + "' is a device, which an unprivileged volume can't have");
        member.mode |= read.kind == tar::Kind::block_device ? S_IFBLK : S_IFCHR;
        member.device = ::gnu_dev_makedev(read.major, read.minor);
        break;
      case tar::Kind::hard_link: break;
    }
    return member;
  }

  // Leading slashes go, as GNU tar does it; ".." is refused.
  static std::string clean_path(const std::string& raw, const std::string& whose) {
    auto path = clean_relative(raw);
    for (const auto& part : split(path, '/'))
      if (part == "..") throw bad_archive(whose + " has a name with '..': '" + path + "'");
    return path;
  }

  std::uint32_t host_id(std::int64_t id, const std::string& path) const {
    const auto host = id < 0 ? std::nullopt : options_.view.to_host(static_cast<std::uint64_t>(id));
    if (!host) throw bad_archive("'" + path + "' has owner " + std::to_string(id) + ", which doesn't exist here");
    return *host;
  }

  // Only what can do no harm outside the volume; trusted.overlay.* above all would.
  void collect_xattrs(Member& member, tar::Attributes& attributes) const {
    for (auto& [name, value] : attributes) {
      if (name.starts_with("user.")) member.xattrs.emplace_back(std::move(name), std::move(value));
      else if (name == kCapabilityXattr && S_ISREG(member.mode))
        if (auto capability = capability_to_host(value, options_.view)) member.xattrs.emplace_back(name, *capability);
    }
  }

  const ExtractOptions& options_;
  tar::Reader reader_;
  DiskWriter writer_;
  StreamBudget budget_;
  std::uint64_t spent_ = 0;  // since the last look at the room
};

}  // namespace

void extract_tar(BlockPipe& in, int root, const ExtractOptions& options) {
  try {
    TarExtractor(in, root, options).run();
  } catch (const tar::BadArchive& e) {
    throw bad_archive(e.what());
  }
}

}  // namespace concourse::baggageclaim
