// Opens and reads the small files of a directory before the archiver gets to them, with threads of its own: most of what an
// archive of many small files costs is waiting for the kernel to find them.
#pragma once

#include <sys/stat.h>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "common/base/unique_fd.hpp"

namespace concourse::baggageclaim {

// For one thread. Holds at most kBatch files open and kBatch times kSmall bytes.
class ReadAhead {
 public:
  static constexpr std::size_t kBatch = 128;
  static constexpr std::size_t kSmall = 32 << 10;

  struct File {
    std::string name;
    int error = 0;  // of opening it; nothing below is known then
    UniqueFd fd;    // not open once all of the file is in `content`
    struct stat status {};
    bool has_xattrs = false;
    bool loaded = false;  // `content` is all of it, and it has no holes
    std::string content;

   private:
    friend class ReadAhead;
    enum class State { waiting, loading, ready };
    std::atomic<State> state = State::waiting;
  };

  ReadAhead() : files_(kBatch) {}
  ~ReadAhead();

  bool full() const { return count_ == kBatch; }
  // A regular file of the directory whose files are to be used next; not when full().
  void add(const char* name);
  // Calls `use` for each that was added, in about that order, and forgets them. What `use` throws comes out.
  void use_all(int directory, const std::function<void(const File& file)>& use);

 private:
  void begin(int directory);
  void finish();
  void work();
  static void load(int directory, File& file);

  std::vector<File> files_;
  std::size_t count_ = 0;
  std::vector<std::thread> threads_;  // made when a directory is worth it

  std::mutex mutex_;  // guards the four below
  std::condition_variable changed_;
  std::uint64_t batches_ = 0;
  unsigned busy_ = 0;  // threads that are at the batch; none between batches, when the two behind change
  bool stopping_ = false;
  int directory_ = -1;
  std::size_t end_ = 0;
  std::atomic<std::size_t> next_ = 0;
};

}  // namespace concourse::baggageclaim
