#include "services/baggageclaim/disk/parallel_walk.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "common/base/error.hpp"
#include "common/base/helpers.hpp"
#include "common/base/unique_fd.hpp"
#include "services/baggageclaim/disk/directory.hpp"

namespace concourse::baggageclaim {

namespace {

class Walk {
 public:
  Walk(int root, const std::function<bool(const WalkEntry&)>& visit) : root_(root), visit_(visit) { waiting_.emplace_back("."); }

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
      ++busy_;
      lock.unlock();
      std::exception_ptr failure;
      try {
        read(directory);
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

  void read(const std::string& path) {
    open_how how{};
    how.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV;
    UniqueFd fd(static_cast<int>(syscall(SYS_openat2, root_, path.c_str(), &how, sizeof how)));
    // Gone, replaced by a link or a file, or something mounted there: not ours to visit.
    if (!fd && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP || errno == EXDEV)) return;
    if (!fd) throw SysError("open directory '" + path + "'");
    for_each_entry(fd.get(), path, [&](const char* name) {
      WalkEntry found{fd.get(), name, {}};
      if (fstatat(fd.get(), name, &found.status, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT) return;
        throw SysError("stat '" + path + "/" + name + "'");
      }
      if (over_) return;
      if (!visit_(found)) over_ = true;
      else if (S_ISDIR(found.status.st_mode)) push(path + "/" + name);
    });
  }

  void push(std::string path) {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(path));
    changed_.notify_one();
  }

  const int root_;
  const std::function<bool(const WalkEntry&)>& visit_;
  std::atomic<bool> over_ = false;  // set under mutex_ where a waiting thread has to see it
  std::mutex mutex_;                // guards all below
  std::condition_variable changed_;
  std::vector<std::string> waiting_;  // last in, first out: deep before wide keeps it short
  unsigned busy_ = 0;
  std::exception_ptr failure_;
};

}  // namespace

void walk_parallel(int root, unsigned threads, const std::function<bool(const WalkEntry&)>& visit) {
  Walk(root, visit).run(threads);
}

unsigned walk_threads() { return std::clamp(std::thread::hardware_concurrency(), 2u, 8u); }

}  // namespace concourse::baggageclaim
