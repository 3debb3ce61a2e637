// What to undo, or to complete, when the server dies while a stream is extracted: stream-in.json in the volume's directory.
//
//   {"version":1,"phase":"extracting","boot":"…","path":"a/b","made":"a","staging":"","mode":493,"uid":0,"gid":0,"mtime_s":0,"mtime_ns":0}
//
// boot is the start of the machine in which the stream came: after another one what was written can't be trusted.
//
// extracting  the stream wasn't whole yet: empty `path` (it was empty before), or remove `staging` in it; give `path` its old
//             attributes; remove what was made of `path` itself, from `made` on
// merging     the stream was whole, and is being moved from `staging` into place: go on
#pragma once

#include <sys/types.h>

#include <ctime>
#include <optional>
#include <string>

#include "services/baggageclaim/paths.hpp"

namespace concourse::baggageclaim {

struct StreamInJournal {
  enum class Phase { extracting, merging };
  Phase phase = Phase::extracting;
  std::string boot;
  std::string path;     // in the volume, where the stream goes
  std::string made;     // the first part of `path` that didn't exist; empty if all did
  std::string staging;  // name in `path` of the directory it is extracted into; empty if that is `path` itself
  mode_t mode = 0755;   // of `path` before
  uid_t uid = 0;
  gid_t gid = 0;
  timespec mtime{};
};

std::optional<StreamInJournal> read_journal(const VolumeDir& volume);
void write_journal(const VolumeDir& volume, const StreamInJournal& journal);
void remove_journal(const VolumeDir& volume);
// The stream is whole and in place: its journal becomes the mark of data that isn't flushed yet (unsynced.hpp), in one step.
void commit_journal(const VolumeDir& volume);

}  // namespace concourse::baggageclaim
