// The steps of main() that need more than a line.
#pragma once

#include <chrono>

#include "common/daemon/daemon.hpp"
#include "common/daemon/log.hpp"
#include "common/http/server.hpp"
#include "services/baggageclaim/filesystem.hpp"
#include "services/baggageclaim/options.hpp"
#include "services/baggageclaim/promise_list.hpp"
#include "services/baggageclaim/recovery.hpp"

namespace concourse::baggageclaim {

inline constexpr std::size_t kMaxCreations = 32;         // asynchronous creations at the same time; more wait
inline constexpr auto kDrain = std::chrono::minutes(1);  // for running requests, at the end

// Limits and settings of the process itself; the volumes' directory.
void prepare_process(const Options& options);

// One server a tree. Waits a moment for a predecessor that is going. Throws Error(unavailable) naming the holder.
UniqueFd lock_tree(const Paths& paths);
// The same for what has been mounted at the volumes' place since; nothing if nothing has.
UniqueFd lock_mounted_tree(const UniqueFd& lock, const Paths& paths);

IdPolicy id_policy(const Options& options);

void log_report(const RecoveryReport& report);

// The sockets that were inherited or asked for: names `baggageclaim` and `baggageclaim-tcp`.
void add_listeners(http::Server& server, daemon::Context& ctx, const Options& options);

// Where clients reach it, for the log.
std::vector<std::string> addresses(const Options& options);

// What `status` on the control socket tells besides the common facts.
void add_status(daemon::Context& ctx, const DriverChoice& choice, const RecoveryReport& report, const Filesystem& filesystem,
                const PromiseList& promises, const http::Server& server);

}  // namespace concourse::baggageclaim
