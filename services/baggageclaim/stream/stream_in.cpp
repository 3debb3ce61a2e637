#include "services/baggageclaim/stream/stream_in.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <thread>

#include "common/base/error.hpp"
#include "common/base/strings.hpp"
#include "common/daemon/log.hpp"
#include "common/os/acting_id.hpp"
#include "services/baggageclaim/disk/beneath.hpp"
#include "services/baggageclaim/disk/directory.hpp"
#include "services/baggageclaim/disk/remove.hpp"
#include "services/baggageclaim/stream/merge.hpp"
#include "services/baggageclaim/stream/stream_in_journal.hpp"

namespace concourse::baggageclaim {

namespace {

// Counts what comes over the wire, for the ratio of the limits.
class CountingSource : public ByteSource {
 public:
  explicit CountingSource(ByteSource& in) : in_(in) {}
  std::size_t read(char* out, std::size_t size) override {
    const auto n = in_.read(out, size);
    count_ += n;
    return n;
  }
  std::uint64_t count() const { return count_; }

 private:
  ByteSource& in_;
  std::uint64_t count_ = 0;
};

// Fills the pipe until the stream ends or nobody wants more; reads the stream to its end in any case, because only its end
// tells whether it was whole.
void decode_into(BlockPipe& pipe, ByteSource& wire, Encoding encoding, const StreamLimits& limits) {
  CountingSource counted(wire);
  const auto decoder = make_decoder(encoding, counted);
  const StreamBudget budget(limits);
  std::uint64_t decoded = 0;
  for (bool ended = false; !ended;) {
    char* block = pipe.acquire();
    if (block == nullptr) return;
    std::size_t size = 0;
    while (size < pipe.block_size()) {
      const auto n = decoder->read(block + size, pipe.block_size() - size);
      ended = n == 0;
      if (ended) break;
      size += n;
    }
    decoded += size;
    budget.check_ratio(decoded, counted.count());
    if (size > 0) pipe.push(size);
  }
}

UniqueFd open_staging(int target, const std::string& name) {
  UniqueFd fd(::openat(target, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) throw SysError("open the stream's staging directory");
  return fd;
}

// Marked like a directory that the archive only implies: unless the archive has a member for the target itself.
void make_staging(int target, const std::string& name) {
  if (::mkdirat(target, name.c_str(), 0700) != 0) throw SysError("make the stream's staging directory");
  if (::fchmodat(target, name.c_str(), kImplicitDirectory, 0) != 0) throw SysError("prepare the stream's staging directory");
}

void restore_attributes(int target, const StreamInJournal& journal) {
  if (::fchown(target, journal.uid, journal.gid) != 0) throw SysError("restore the owner of the stream's target");
  if (::fchmod(target, journal.mode & 07777) != 0) throw SysError("restore the mode of the stream's target");
  const timespec times[2] = {{0, UTIME_OMIT}, journal.mtime};
  if (::futimens(target, times) != 0) throw SysError("restore the time of the stream's target");
}

void undo(int root, const StreamInJournal& journal) {
  if (const auto found = open_in_root(root, journal.path, O_RDONLY | O_DIRECTORY)) {
    if (journal.staging.empty()) remove_children(found->get());
    else remove_tree_at(found->get(), journal.staging);
    restore_attributes(found->get(), journal);
  }
  if (journal.made.empty()) return;
  const auto slash = journal.made.rfind('/');
  const auto parent = open_in_root(root, slash == std::string::npos ? "" : journal.made.substr(0, slash), O_PATH | O_DIRECTORY);
  if (parent) remove_tree_at(parent->get(), slash == std::string::npos ? journal.made : journal.made.substr(slash + 1));
}

// Moves what is staged into place. Without a staging directory that has been done before.
void complete(int root, const StreamInJournal& journal) {
  const auto target = open_in_root(root, journal.path, O_RDONLY | O_DIRECTORY);
  if (!target) throw Error(ErrorKind::internal, "the stream's target '" + journal.path + "' has gone");
  {
    const auto staging = open_directory_at(target->get(), journal.staging.c_str());
    if (!staging && errno == ENOENT) return;
    if (!staging) throw SysError("open the stream's staging directory");
    merge_tree(staging.get(), target->get());
    take_attributes(staging.get(), target->get());
  }
  remove_tree_at(target->get(), journal.staging);
}

// The journal entry for a stream into `target`, which is `path` in the volume.
StreamInJournal begin(int target, const std::string& path, const std::string& made) {
  struct stat status {};
  if (::fstat(target, &status) != 0) throw SysError("stat the stream's target");
  StreamInJournal journal;
  journal.path = path;
  journal.made = made;
  if (!is_empty_directory(target, path)) journal.staging = ".stream-in-" + random_hex(8);
  journal.mode = status.st_mode;
  journal.uid = status.st_uid;
  journal.gid = status.st_gid;
  journal.mtime = status.st_mtim;
  return journal;
}

}  // namespace

void extract_archive(int target, ByteSource& wire, Encoding encoding, const ExtractOptions& options) {
  BlockPipe pipe;
  std::exception_ptr extract_failure, decode_failure;
  std::thread extractor([&] {
    try {
      const os::ActingId id(options.view.root());
      extract_tar(pipe, target, options);
      while (!pipe.next().empty()) {
      }
    } catch (...) {
      extract_failure = std::current_exception();
      pipe.abandon();
    }
  });
  try {
    decode_into(pipe, wire, encoding, options.limits);
    pipe.close();
  } catch (...) {
    decode_failure = std::current_exception();
    pipe.close(decode_failure);
  }
  extractor.join();
  // If decoding failed, the extractor failed of it.
  if (decode_failure) std::rethrow_exception(decode_failure);
  if (extract_failure) std::rethrow_exception(extract_failure);
}

void stream_in(const VolumeDir& volume, int root, const std::string& path, ByteSource& wire, Encoding encoding,
               const ExtractOptions& options, const std::string& boot_id) {
  recover_stream_in(volume, root);  // one that could neither be undone nor completed when it failed
  std::string made;
  const auto clean = clean_relative(path);
  UniqueFd target;
  {
    const os::ActingId id(options.view.root());
    target = reopen_directory(make_directories_in_root(root, clean, 0755, &made).get(), clean);
  }
  auto journal = begin(target.get(), clean, made);
  journal.boot = boot_id;
  write_journal(volume, journal);
  try {
    if (journal.staging.empty()) {
      extract_archive(target.get(), wire, encoding, options);
    } else {
      ExtractOptions staged = options;
      staged.implicit_mode = kImplicitDirectory;
      make_staging(target.get(), journal.staging);
      const auto staging = open_staging(target.get(), journal.staging);
      extract_archive(staging.get(), wire, encoding, staged);
      check_merge(staging.get(), target.get());
      journal.phase = StreamInJournal::Phase::merging;
      write_journal(volume, journal);
    }
  } catch (...) {
    journal.phase = StreamInJournal::Phase::extracting;
    try {
      undo(root, journal);
      remove_journal(volume);
    } catch (const std::exception& e) {
      // The journal stays: the next start tries again.
      log::error("failed stream could not be undone", {{"handle", volume.handle}, {"error", e.what()}});
    }
    throw;
  }
  if (!journal.staging.empty()) complete(root, journal);
  commit_journal(volume);
}

bool recover_stream_in(const VolumeDir& volume, int root) {
  const auto journal = read_journal(volume);
  if (!journal) return false;
  if (journal->phase == StreamInJournal::Phase::merging) {
    complete(root, *journal);
    commit_journal(volume);
  } else {
    undo(root, *journal);
    remove_journal(volume);
  }
  return true;
}

}  // namespace concourse::baggageclaim
