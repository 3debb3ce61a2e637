#include "services/nstar/tar.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "common/base/error.hpp"

namespace concourse::nstar {

namespace {

constexpr std::size_t kBlock = 256 << 10;

using Reader = std::unique_ptr<archive, int (*)(archive*)>;
using Writer = std::unique_ptr<archive, int (*)(archive*)>;

// A warning concerns an attribute that this place can't have.
void check(archive* a, int result, const std::string& what) {
  if (result >= ARCHIVE_WARN) return;
  const char* said = archive_error_string(a);
  std::string why = said != nullptr ? said : "unknown error";
  // Some of its messages leave out what the system said. EILSEQ is its number for a bad archive.
  const int number = archive_errno(a);
  if (number > 0 && number != EILSEQ && why.find(errno_text(number)) == std::string::npos) why += ": " + errno_text(number);
  throw Error(ErrorKind::invalid, what + ": " + why);
}

// Members are extracted here, wherever their names begin.
const char* relative(const char* name) {
  while (*name == '/') ++name;
  return *name == '\0' ? "." : name;
}

void copy_in(archive* reader, archive* disk, const std::string& name) {
  for (;;) {
    const void* bytes = nullptr;
    std::size_t size = 0;
    la_int64_t offset = 0;
    const int result = archive_read_data_block(reader, &bytes, &size, &offset);
    if (result == ARCHIVE_EOF) return;
    check(reader, result, "read '" + name + "' from the archive");
    check(disk, static_cast<int>(archive_write_data_block(disk, bytes, size, offset)), "write '" + name + "'");
  }
}

class Creator {
 public:
  explicit Creator(int fd) : writer_(archive_write_new(), archive_write_free) {
    archive_write_set_format_pax_restricted(writer_.get());
    archive_write_add_filter_none(writer_.get());
    archive_write_set_bytes_per_block(writer_.get(), static_cast<int>(kBlock));
    archive_write_set_bytes_in_last_block(writer_.get(), 1);
    check(writer_.get(), archive_write_open_fd(writer_.get(), fd), "write the archive");
    archive_entry_linkresolver_set_strategy(links_.get(), ARCHIVE_FORMAT_TAR_PAX_RESTRICTED);
  }

  void add(archive* disk, archive_entry* entry) {
    if (archive_entry_filetype(entry) == AE_IFSOCK) return;
    const std::string name = archive_entry_pathname(entry);
    archive_entry_sparse_clear(entry);  // holes go as zeros, which every reader understands
    archive_entry* spare = nullptr;  // other formats' hard links; never set for tar
    archive_entry_linkify(links_.get(), &entry, &spare);
    check(writer_.get(), archive_write_header(writer_.get(), entry), "archive '" + name + "'");
    if (archive_entry_filetype(entry) == AE_IFREG && archive_entry_size(entry) > 0) copy_out(disk, name, archive_entry_size(entry));
  }

  void finish() { check(writer_.get(), archive_write_close(writer_.get()), "write the archive"); }

 private:
  // Holes are zeros.
  void copy_out(archive* disk, const std::string& name, la_int64_t whole) {
    la_int64_t at = 0;
    for (;;) {
      const void* bytes = nullptr;
      std::size_t size = 0;
      la_int64_t offset = 0;
      const int result = archive_read_data_block(disk, &bytes, &size, &offset);
      if (result == ARCHIVE_EOF) break;
      check(disk, result, "read '" + name + "'");
      zeros(offset - at, name);
      write(bytes, size, name);
      at = offset + static_cast<la_int64_t>(size);
    }
    zeros(whole - at, name);
  }
  void zeros(la_int64_t count, const std::string& name) {
    static const char nothing[64 << 10] = {};
    for (; count > 0; count -= sizeof nothing)
      write(nothing, static_cast<std::size_t>(std::min<la_int64_t>(count, sizeof nothing)), name);
  }
  void write(const void* bytes, std::size_t size, const std::string& name) {
    if (size > 0 && archive_write_data(writer_.get(), bytes, size) < 0)
      check(writer_.get(), ARCHIVE_FATAL, "archive '" + name + "'");
  }

  Writer writer_;
  std::unique_ptr<archive_entry_linkresolver, void (*)(archive_entry_linkresolver*)> links_{archive_entry_linkresolver_new(),
                                                                                            archive_entry_linkresolver_free};
};

}  // namespace

void extract(int fd) {
  const Reader reader(archive_read_new(), archive_read_free);
  const Writer disk(archive_write_disk_new(), archive_write_free);
  archive_read_support_format_tar(reader.get());
  archive_read_support_format_empty(reader.get());
  archive_write_disk_set_options(disk.get(), ARCHIVE_EXTRACT_TIME | ARCHIVE_EXTRACT_XATTR | ARCHIVE_EXTRACT_SECURE_NODOTDOT);
  check(reader.get(), archive_read_open_fd(reader.get(), fd, kBlock), "read the archive");
  for (archive_entry* entry = nullptr;;) {
    const int result = archive_read_next_header(reader.get(), &entry);
    if (result == ARCHIVE_EOF) break;
    check(reader.get(), result, "read the archive");
    const char* raw = archive_entry_pathname(entry);
    if (raw == nullptr) throw Error(ErrorKind::invalid, "read the archive: a member has a name that can't be read");
    const std::string name = relative(raw);
    archive_entry_copy_pathname(entry, name.c_str());
    if (const char* other = archive_entry_hardlink(entry)) archive_entry_copy_hardlink(entry, std::string(relative(other)).c_str());
    check(disk.get(), archive_write_header(disk.get(), entry), "extract '" + name + "'");
    copy_in(reader.get(), disk.get(), name);
    check(disk.get(), archive_write_finish_entry(disk.get()), "extract '" + name + "'");
  }
  check(disk.get(), archive_write_close(disk.get()), "set the attributes of directories");
  // Whoever sends may pad as it likes, and shall not be told that nobody reads.
  for (char rest[4096]; ::read(fd, rest, sizeof rest) > 0;) {
  }
}

void create(const std::string& name, int fd) {
  const Reader disk(archive_read_disk_new(), archive_read_free);
  archive_read_disk_set_symlink_physical(disk.get());
  archive_read_disk_set_behavior(disk.get(), ARCHIVE_READDISK_NO_FFLAGS);
  check(disk.get(), archive_read_disk_open(disk.get(), name.c_str()), "open '" + name + "'");
  std::unique_ptr<Creator> creator;
  const std::unique_ptr<archive_entry, void (*)(archive_entry*)> entry(archive_entry_new(), archive_entry_free);
  for (;;) {
    archive_entry_clear(entry.get());
    const int result = archive_read_next_header2(disk.get(), entry.get());
    if (result == ARCHIVE_EOF) break;
    if (creator && result == ARCHIVE_FAILED && archive_errno(disk.get()) == ENOENT) continue;
    check(disk.get(), result, "open '" + name + "'");
    if (!creator) creator = std::make_unique<Creator>(fd);
    archive_read_disk_descend(disk.get());
    creator->add(disk.get(), entry.get());
  }
  if (!creator) throw Error(ErrorKind::not_found, "open '" + name + "': " + errno_text(ENOENT));
  creator->finish();
}

}  // namespace concourse::nstar
