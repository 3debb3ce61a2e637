// The life of one container, in order: start, serve, destroy. Each step names itself in the error it throws.
#pragma once

#include <filesystem>

#include "common/protocol/shim.hpp"
#include "services/shim/oci_runtime.hpp"
#include "services/shim/process_table.hpp"

namespace concourse::shim {

class Container {
 public:
  Container(EventLoop& loop, std::filesystem::path dir);

  // Runs the OCI runtime and waits for the init. Returns the container's network namespace.
  UniqueFd start(const UniqueFd& sealed_runtime);
  // The /proc directory of the init, borrowed: it stays that process's, whatever becomes of its number.
  const UniqueFd& init_proc() const { return proc_; }
  ProcessTable& processes() { return processes_; }
  Events& events() { return events_; }
  Json describe();

  // Stops the processes; from then on it is told as stopped, whatever is run in it later, as guardian does.
  void stop(bool kill, std::function<void()> done);
  // Stops the processes (TERM, grace, KILL), ends the init, removes the runtime's record. `done` gets an error text or null.
  void destroy(std::function<void(const std::string* error)> done);

 private:
  void remove(const std::function<void(const std::string* error)>& done);
  void kill_init();

  EventLoop& loop_;
  const std::filesystem::path dir_;
  const protocol::shim::Config config_;
  OciRuntime runtime_;
  Events events_;
  ProcessTable processes_;
  pid_t pid_ = -1;
  UniqueFd pidfd_, proc_;  // of the init
  bool destroying_ = false, stopped_ = false;
};

}  // namespace concourse::shim
