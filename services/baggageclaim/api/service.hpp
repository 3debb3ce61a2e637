// What the routes work with.
#pragma once

#include <re2/re2.h>

#include <memory>
#include <string>

#include "common/http/worker_pool.hpp"
#include "services/baggageclaim/disk_watch.hpp"
#include "services/baggageclaim/future_journal.hpp"
#include "services/baggageclaim/promise_list.hpp"
#include "services/baggageclaim/stream/limits.hpp"
#include "services/baggageclaim/volume_repository.hpp"

namespace concourse::baggageclaim {

struct P2pOptions {
  std::shared_ptr<const re2::RE2> interface_name;  // searched in the interface's name
  int family = 4;                                  // 4 or 6
  unsigned short port = 7788;                      // of the TCP listener
};

// How long a poll of a pending creation is held. The web waits a minute for an answer to begin
// (--baggageclaim-response-header-timeout), and its next poll would come after half a second or more.
inline constexpr auto kPollLimit = std::chrono::seconds(25);

struct Service {
  VolumeRepository& volumes;
  PromiseList& promises;
  FutureJournal& futures;
  http::WorkerPool& creations;  // runs asynchronous creations
  Syncer& syncer;
  DiskWatch& disk;
  P2pOptions p2p;
  StreamLimits limits;
  Duration poll_limit = kPollLimit;
};

}  // namespace concourse::baggageclaim
