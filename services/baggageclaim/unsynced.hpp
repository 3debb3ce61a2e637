// The mark of data that may not be on the disk yet: a client isn't kept waiting for the flush of what it streamed, so until
// that has happened a power loss would leave a torn volume. A start of the machine other than the mark's means that it did, and
// the volume is given up: whole or absent.
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "services/baggageclaim/paths.hpp"

namespace concourse::baggageclaim {

// The boot id of the mark {"boot":"…"} or of the stream (stream_in_journal.hpp) that is under way; nothing if the volume has
// neither. Empty, no machine's, if it can't be read: then it was torn itself.
std::optional<std::string> read_unsynced(const VolumeDir& volume);

// Flushes in the background and then takes the marks away. Thread-safe.
class Syncer {
 public:
  Syncer(const Paths& paths, std::string boot_id);
  ~Syncer();  // what waits stays marked

  // Marks a volume that is not shown to anybody yet. Call release() once it is where it stays.
  void mark(const VolumeDir& volume) const;
  // The volume, live and marked, has new data and is to be flushed.
  void release(const std::string& handle);

  std::size_t waiting() const;
  const std::string& boot_id() const { return boot_id_; }

 private:
  void run();
  bool flush() const;

  const Paths paths_;
  const std::string boot_id_;
  mutable std::mutex mutex_;  // guards the rest, and the marks of live volumes
  std::condition_variable changed_;
  std::map<std::string, std::uint64_t> waiting_;  // handle -> its last change
  std::uint64_t changes_ = 0;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace concourse::baggageclaim
