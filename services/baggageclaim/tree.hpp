// The volumes of one work directory, locked against other servers and whole again: what every program that works on them
// begins with.
#pragma once

#include "common/base/unique_fd.hpp"
#include "services/baggageclaim/drivers/detect.hpp"
#include "services/baggageclaim/filesystem.hpp"
#include "services/baggageclaim/machine.hpp"
#include "services/baggageclaim/options.hpp"
#include "services/baggageclaim/recovery.hpp"
#include "services/baggageclaim/unsynced.hpp"

namespace concourse::baggageclaim {

// One process a tree. Waits a moment for a predecessor that is ending. Throws Error(unavailable) naming the holder.
UniqueFd lock_tree(const Paths& paths);

class Tree {
 public:
  // Chooses the driver and recovers; logs what it finds. `lock` is lock_tree()'s. Throws Error if the driver can't work.
  Tree(const Options& options, UniqueFd lock);

  Filesystem& filesystem() const { return *filesystem_; }
  Driver& driver() const { return *choice_.driver; }
  Syncer& syncer() const { return *syncer_; }
  const IdPolicy& policy() const { return policy_; }
  const Machine& machine() const { return machine_; }
  const DriverChoice& choice() const { return choice_; }
  const RecoveryReport& report() const { return report_; }

  // The end of an orderly stop: everything flushed and noted, and, unless `keep_mounts`, what nobody uses unmounted. Nothing else
  // may be called afterwards; other servers are locked out as long as the object lives.
  void close(bool keep_mounts);

 private:
  const UniqueFd lock_;
  const IdPolicy policy_;
  const Paths paths_;
  Machine machine_;
  DriverChoice choice_;
  UniqueFd mounted_lock_;  // of what the driver has mounted at the volumes' place
  std::unique_ptr<Filesystem> filesystem_;
  std::unique_ptr<Syncer> syncer_;
  RecoveryReport report_;
};

}  // namespace concourse::baggageclaim
