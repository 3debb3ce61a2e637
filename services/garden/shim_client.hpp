// Garden's side of a container's shim: starts it, asks it, and makes sure of its end.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "common/base/deadline.hpp"
#include "common/base/json.hpp"
#include "common/base/unique_fd.hpp"

namespace concourse::garden {

// A started container.
struct Started {
  int pid = 0;       // of its init, on the host
  UniqueFd network;  // its network namespace
};

class ShimClient {
 public:
  explicit ShimClient(std::filesystem::path container_dir) : dir_(std::move(container_dir)) {}

  // Starts the program `shim` for the container directory, whose shim.json and bundle are in place, and waits until the
  // container's init runs. `sealed_runtime`: a descriptor for it to execute as OCI runtime, or -1. `mounts`: those for what
  // shim.json says of mounts. Throws Error with the reason; then no process is left.
  Started start(const std::string& shim, int sealed_runtime, const std::vector<int>& mounts, Deadline deadline) const;

  // Hands the client's connection over. Typed errors (errors.hpp) for what the shim refuses; nothing has been written to the
  // connection then.
  void run(const Json& process_spec, const UniqueFd& connection, const std::string& leftover, Deadline deadline) const;
  void attach(const std::string& process_id, const UniqueFd& connection, const std::string& leftover, Deadline deadline) const;
  void output(const std::string& stream_id, const std::string& stream, const UniqueFd& connection, Deadline deadline) const;

  void stop(bool kill, Deadline deadline) const;
  // What has happened in it and isn't logged yet, as the shim's `events`.
  Json destroy(Deadline deadline) const;
  // Throws Error(unavailable or not_found) when no shim answers.
  Json status(Deadline deadline) const;
  // The /proc directory of the container's init: that process's for ever, whoever gets its number next.
  UniqueFd init_proc(Deadline deadline) const;

  // Kills the shim if it lives; its container's init, and so every process in it, ends with it. Waits for that.
  void kill(Deadline deadline) const;
  // Kills the OCI runtime that a killed shim has left at work on its container.
  void kill_runtime(Deadline deadline) const;

 private:
  Json ask(const Json& question, const std::string& raw, const std::vector<int>& fds, Deadline deadline) const;

  const std::filesystem::path dir_;
};

// Reaps the shims of this process that have ended, and no other child: those are waited for where they were started. For
// SIGCHLD; thread-safe.
void reap_shims();

}  // namespace concourse::garden
