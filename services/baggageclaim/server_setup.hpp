// The steps of main() that need more than a line.
#pragma once

#include <atomic>
#include <chrono>
#include <string>
#include <vector>

#include "common/daemon/daemon.hpp"
#include "common/http/server.hpp"
#include "common/http/worker_pool.hpp"
#include "services/baggageclaim/options.hpp"
#include "services/baggageclaim/promise_list.hpp"
#include "services/baggageclaim/tree.hpp"

namespace concourse::baggageclaim {

inline constexpr std::size_t kMaxCreations = 32;         // asynchronous creations at the same time; more wait
inline constexpr auto kDrain = std::chrono::minutes(1);  // for running requests, at the end

// Limits and settings of the process itself; the volumes' directory.
void prepare_process(const Options& options);

// For a program that serves nothing.
void start_log(const Options& options);

// The sockets that were inherited or asked for: names `baggageclaim` and `baggageclaim-tcp`. What each offers: p2p_surface.hpp.
void add_listeners(http::Server& server, daemon::Context& ctx, const Options& options);
// Where clients reach it, for the log.
std::vector<std::string> addresses(const Options& options);

// Ends what is running: creations early, requests in their time. False if some are still running after kDrain, or when
// `at_once` is set meanwhile; they can't be ended then but with the process. Any thread.
bool drain(http::Server& server, PromiseList& promises, http::WorkerPool& creations, const std::atomic<bool>& at_once);
[[noreturn]] void cut_off(const http::Server& server);

// Whether a Garden that mounts our volumes is at work, and still is half a second later. Then a restart of this server alone must
// not take mounts away.
bool garden_runs(const Options& options);

// What `status` on the control socket tells besides the common facts. All must outlive the loop.
void add_status(daemon::Context& ctx, const Tree& tree, const DiskWatch& disk, const PromiseList& promises,
                const http::Server& server);

}  // namespace concourse::baggageclaim
