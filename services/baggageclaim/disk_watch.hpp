// Keeps the disk from being filled by volumes. Two marks on what is free of the file systems that hold them, bytes and inodes
// alike:
//
//   ok     |  low                                |  full
//   -------+-- soft: the beacon sweeps at once --+-- hard: no new volume, no stream --> 0
//
// What is below the hard mark is for changes that free room or keep what is there true. Containers write past all marks; for a disk
// that has nothing left at all there is the reserve (reserve.hpp).
#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "common/base/json.hpp"
#include "common/config/disk_mark.hpp"
#include "services/baggageclaim/paths.hpp"
#include "services/baggageclaim/reserve.hpp"

namespace concourse::baggageclaim {

struct DiskMarks {
  config::DiskMark soft, hard;
};

// What one file system has. `inodes` is 0 where they aren't counted (btrfs).
struct Room {
  fs::path directory;
  std::uint64_t free_bytes = 0, bytes = 0, free_inodes = 0, inodes = 0;
};

enum class DiskState { ok, low, full };
std::string_view word_of(DiskState state);

struct DiskVerdict {
  DiskState state = DiskState::ok;
  std::string why;  // empty for ok
};
DiskVerdict judge(const Room& room, const DiskMarks& marks);

// Thread-safe. Has a thread that looks every few seconds, logs each change of the state, and keeps the reserve.
class DiskWatch {
 public:
  DiskWatch(const Paths& paths, const DiskMarks& marks);
  ~DiskWatch();

  // Throws Error(exhausted) below the hard mark, with the figures and the remedy. Costs a system call or two.
  void check() const;
  // For the control socket: figures of the volumes' file system, `state` and `why` of the worst. Null when it can't be asked.
  Json status() const;

  // For changes that must go through on a full disk: `step` is run again with a piece of the reserve given up.
  template <typename Step>
  void with_reserve(Step step) {
    reserve_.spend(step);
  }

 private:
  DiskVerdict worst() const;
  void run();
  void look();

  const std::vector<fs::path> directories_;  // one for each file system; the volumes' first
  const DiskMarks marks_;
  Reserve reserve_;
  DiskState told_ = DiskState::ok;  // the thread's
  std::mutex mutex_;                // guards stopping_
  std::condition_variable changed_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace concourse::baggageclaim
