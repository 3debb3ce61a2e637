#include "services/baggageclaim/stream/read_ahead.hpp"

#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "common/base/scope_exit.hpp"

namespace concourse::baggageclaim {

namespace {

constexpr std::size_t kWorthIt = 16;  // files; for fewer no thread is woken
constexpr std::size_t kLead = 4;      // the first ones are read by the archiver itself: that is when the threads get going
constexpr std::int64_t kStatBlock = 512;

unsigned thread_count() { return std::clamp(std::thread::hardware_concurrency(), 2u, 4u) - 1; }

}  // namespace

ReadAhead::~ReadAhead() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  for (auto& thread : threads_) thread.join();
}

void ReadAhead::add(const char* name) {
  auto& file = files_[count_++];
  file.name = name;
  file.error = 0;
  file.fd.reset();
  file.has_xattrs = file.loaded = false;
  file.state.store(File::State::waiting, std::memory_order_relaxed);
}

void ReadAhead::use_all(int directory, const std::function<void(const File& file)>& use) {
  const bool helped = count_ >= kWorthIt;
  if (helped) begin(directory);
  const ScopeExit end([&] {
    if (helped) finish();
    count_ = 0;
  });
  // What a thread is at just now is come back to: waiting for it would cost more than reading it.
  std::vector<File*> left, later;
  for (std::size_t i = 0; i < count_; ++i) left.push_back(&files_[i]);
  for (; !left.empty(); left.swap(later), later.clear()) {
    bool moved = false;
    for (auto* file : left) {
      auto state = File::State::waiting;
      if (file->state.compare_exchange_strong(state, File::State::loading)) load(directory, *file);
      else if (state == File::State::loading && (moved || file != left.back())) {
        later.push_back(file);
        continue;
      } else {
        file->state.wait(File::State::loading);
      }
      moved = true;
      use(*file);
      file->fd.reset();
    }
  }
}

void ReadAhead::begin(int directory) {
  const std::lock_guard lock(mutex_);
  directory_ = directory;
  end_ = count_;
  next_ = kLead;
  ++batches_;
  changed_.notify_all();
  try {
    while (threads_.size() < thread_count()) threads_.emplace_back([this] { work(); });
  } catch (const std::exception&) {  // no more threads to be had: the archiver reads what nobody has read for it
  }
}

// Nobody may look at the files or use the directory's descriptor afterwards.
void ReadAhead::finish() {
  std::unique_lock lock(mutex_);
  next_ = end_;
  changed_.wait(lock, [this] { return busy_ == 0; });
}

void ReadAhead::work() {
  std::unique_lock lock(mutex_);
  for (std::uint64_t seen = 0;;) {
    changed_.wait(lock, [&] { return stopping_ || batches_ != seen; });
    if (stopping_) return;
    seen = batches_;
    ++busy_;
    lock.unlock();
    for (std::size_t i = 0; (i = next_++) < end_;) {
      auto state = File::State::waiting;
      if (files_[i].state.compare_exchange_strong(state, File::State::loading)) load(directory_, files_[i]);
    }
    lock.lock();
    if (--busy_ == 0) changed_.notify_all();
  }
}

void ReadAhead::load(int directory, File& file) {
  // Should it be a fifo by now, opening doesn't block; a link isn't followed.
  file.fd.reset(::openat(directory, file.name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOATIME | O_CLOEXEC));
  if (!file.fd || ::fstat(file.fd.get(), &file.status) != 0) {
    file.error = errno;
  } else {
    file.has_xattrs = ::flistxattr(file.fd.get(), nullptr, 0) > 0;
    const auto size = file.status.st_size;
    if (S_ISREG(file.status.st_mode) && size <= static_cast<off_t>(kSmall) && file.status.st_blocks * kStatBlock >= size) {
      file.content.resize(static_cast<std::size_t>(size));
      file.loaded = size == 0 || ::pread(file.fd.get(), file.content.data(), file.content.size(), 0) == size;
      if (file.loaded && !file.has_xattrs) file.fd.reset();
    }
  }
  file.state.store(File::State::ready, std::memory_order_release);
  file.state.notify_one();
}

}  // namespace concourse::baggageclaim
