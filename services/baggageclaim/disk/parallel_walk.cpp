#include "services/baggageclaim/disk/parallel_walk.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <climits>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "common/base/error.hpp"
#include "common/base/helpers.hpp"
#include "common/base/unique_fd.hpp"
#include "services/baggageclaim/disk/beneath.hpp"
#include "services/baggageclaim/disk/tree_cursor.hpp"

namespace concourse::baggageclaim {

namespace {

constexpr std::size_t kMaxWaiting = 1 << 20;  // bytes of paths that wait for a thread; beyond it whoever finds one goes there
constexpr std::size_t kMaxPath = 64 << 10;

class Walk {
 public:
  Walk(int root, const std::function<bool(const WalkEntry&)>& visit) : root_(root), visit_(visit) { leave_to_others("."); }

  void run(unsigned threads) {
    WalkEntry top{root_, ".", {}};
    if (fstatat(root_, "", &top.status, AT_EMPTY_PATH) != 0) throw SysError("stat a tree's root");
    if (!visit_(top)) return;
    {
      const auto helpers = start_helpers(threads - 1, [this] { work(); });
      work();
    }
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  void work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return over_ || busy_ == 0 || !waiting_.empty(); });
      if (over_ || waiting_.empty()) break;  // nothing waits and nobody is busy: done
      auto directory = std::move(waiting_.back());
      waiting_.pop_back();
      waiting_size_ -= directory.size() + sizeof directory;
      ++busy_;
      lock.unlock();
      std::exception_ptr failure;
      try {
        read(std::move(directory));
      } catch (...) {
        failure = std::current_exception();
      }
      lock.lock();
      if (failure && !failure_) failure_ = failure;
      over_ = over_ || failure;
      if (--busy_ == 0 || over_) changed_.notify_all();
    }
    changed_.notify_all();
  }

  // A directory's entries, and all below those of its directories that nobody else is left.
  void read(std::string path) {
    auto top = open(root_, path.c_str(), path);
    if (!top) return;
    TreeCursor cursor(std::move(top));
    std::vector<std::size_t> lengths;  // of `path`, above each directory that was entered
    const auto take = [&](const char* name, unsigned char) {
      const bool stay = is_for_us(cursor.directory(), name, path);
      return over_ ? TreeCursor::Take::used_last : stay ? TreeCursor::Take::keep : TreeCursor::Take::used;
    };
    while (!over_) {
      if (const char* name = cursor.next_kept()) {
        const auto length = path.size();
        (path += "/") += name;
        if (path.size() > kMaxPath) throw Error(ErrorKind::invalid, "'" + shown(path) + "' is nested too deeply");
        if (auto fd = open(cursor.directory(), name, path)) {
          cursor.enter(std::move(fd));
          lengths.push_back(length);
        } else {
          path.resize(length);
        }
      } else if (!cursor.read(take)) {
        if (lengths.empty()) return;
        cursor.leave();
        path.resize(lengths.back());
        lengths.pop_back();
      }
    }
  }

  // Not open if it has gone, was replaced by a link or a file, or something was mounted there: not ours to visit.
  static UniqueFd open(int directory, const char* name, const std::string& path) {
    open_how how{};
    how.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV;
    UniqueFd fd(static_cast<int>(syscall(SYS_openat2, directory, name, &how, sizeof how)));
    if (!fd && errno != ENOENT && errno != ENOTDIR && errno != ELOOP && errno != EXDEV)
      throw SysError("open directory '" + shown(path) + "'");
    return fd;
  }

  // Visits an entry. True if it is a directory that this thread has to go into.
  bool is_for_us(int directory, const char* name, const std::string& path) {
    WalkEntry found{directory, name, {}};
    if (fstatat(directory, name, &found.status, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno == ENOENT) return false;
      throw SysError("stat '" + shown(path) + "/" + name + "'");
    }
    if (over_) return false;
    if (!visit_(found)) return over_ = true, false;
    return S_ISDIR(found.status.st_mode) && !leave_to_others(path + "/" + name);
  }

  bool leave_to_others(std::string path) {
    if (path.size() >= PATH_MAX) return false;
    const std::lock_guard lock(mutex_);
    if (waiting_size_ + path.size() + sizeof path > kMaxWaiting) return false;
    waiting_size_ += path.size() + sizeof path;
    waiting_.push_back(std::move(path));
    changed_.notify_one();
    return true;
  }

  const int root_;
  const std::function<bool(const WalkEntry&)>& visit_;
  std::atomic<bool> over_ = false;  // set under mutex_ where a waiting thread has to see it
  std::mutex mutex_;                // guards all below
  std::condition_variable changed_;
  std::vector<std::string> waiting_;  // last in, first out: deep before wide keeps it short
  std::size_t waiting_size_ = 0;      // bytes of it
  unsigned busy_ = 0;
  std::exception_ptr failure_;
};

}  // namespace

void walk_parallel(int root, unsigned threads, const std::function<bool(const WalkEntry&)>& visit) {
  Walk(root, visit).run(threads);
}

unsigned walk_threads() { return std::clamp(std::thread::hardware_concurrency(), 2u, 8u); }

}  // namespace concourse::baggageclaim
