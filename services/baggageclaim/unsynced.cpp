#include "services/baggageclaim/unsynced.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>

#include "common/base/error.hpp"
#include "common/base/json.hpp"
#include "common/daemon/log.hpp"
#include "common/os/file.hpp"
#include "services/baggageclaim/record_file.hpp"

namespace concourse::baggageclaim {

namespace {
// The kernel writes data back by itself when it is 30 s old, without holding anybody up. A flush some time later finds little
// left to do; an early one would make every fsync(2) of the machine wait for its data.
constexpr auto kGather = std::chrono::seconds(45);
}  // namespace

std::optional<std::string> read_unsynced(const VolumeDir& volume) {
  for (const char* file : {kStreamInFile, kUnsyncedFile}) {
    const auto text = os::read_file(volume.file(file));
    if (!text) continue;
    try {
      return string_field(parse_json(*text), "boot");
    } catch (const Error&) {
      return "";
    }
  }
  return std::nullopt;
}

Syncer::Syncer(const Paths& paths, std::string boot_id) : paths_(paths), boot_id_(std::move(boot_id)), thread_([this] { run(); }) {}

Syncer::~Syncer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  thread_.join();
}

void Syncer::mark(const VolumeDir& volume) const {
  write_record(volume, kUnsyncedFile, dump_json(Json{{"boot", boot_id_}}) + "\n");
}

void Syncer::release(const std::string& handle) {
  const std::lock_guard lock(mutex_);
  waiting_[handle] = ++changes_;
  changed_.notify_all();
}

std::size_t Syncer::waiting() const {
  const std::lock_guard lock(mutex_);
  return waiting_.size();
}

bool Syncer::flush() const {
  try {
    for (const auto& directory : {paths_.volumes(), paths_.overlays()}) {
      if (directory.empty() || !fs::exists(directory)) continue;
      const auto fd = os::open_file(directory, O_RDONLY | O_DIRECTORY);
      if (::syncfs(fd.get()) != 0) throw SysError("flush '" + directory.string() + "'");
    }
    return true;
  } catch (const std::exception& e) {
    log::error("data could not be flushed", {{"error", e.what()}});
    return false;
  }
}

void Syncer::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    changed_.wait_for(lock, kGather, [this] { return stopping_; });
    if (stopping_) return;
    const auto flushed = waiting_;
    lock.unlock();
    const bool ok = flush();
    lock.lock();
    for (const auto& [handle, change] : flushed) {
      // Changed again meanwhile: the next round's. Not flushed: it stays marked.
      const auto found = waiting_.find(handle);
      if (found == waiting_.end() || found->second != change) continue;
      waiting_.erase(found);
      if (ok) ::unlink((paths_.stage(Stage::live) / handle / kUnsyncedFile).c_str());
    }
  }
}

}  // namespace concourse::baggageclaim
