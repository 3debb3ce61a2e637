// Starts the worker's services, watches them, restarts each alone, and ends them in order.
//
// One thread, one event loop. After start() nothing here throws, blocks for long or ends because of a service: what a service
// does can at most end in another try, or, when it can't be started at all, in an orderly stop with the reason.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/error.hpp"
#include "common/daemon/daemon.hpp"
#include "services/supervisor/drain.hpp"
#include "services/supervisor/handover.hpp"
#include "services/supervisor/notify_socket.hpp"
#include "services/supervisor/service.hpp"
#include "services/supervisor/sockets.hpp"

namespace concourse::supervisor {

class Supervisor {
 public:
  Supervisor(daemon::Context& context, const std::filesystem::path& runtime_dir, std::vector<ServiceSpec> specs,
             Duration drain_limit);

  // Takes over what an earlier supervisor left running, makes the sockets, starts the rest. Throws Error before anything was
  // started that would have to be stopped.
  void start();

  // Ends all services in order; the loop then ends. Containers and their shims are nobody's children here and go on. Called a
  // second time, it waits for nobody any longer.
  void stop(const std::string& why);

  // Asks the beacon to land or retire the worker; when that is done, the rest stops. A retiring worker that is stopped leaves the
  // cluster at once. `deadline`, `drained`: as in Drain::request.
  void drain(DrainMode mode, std::optional<Duration> deadline = {}, Duration drained = {});

  // The same by control socket: {"mode":"land"|"retire"|"stop"|"cancel"}, and a planned restart: {"service":"garden"}.
  daemon::ControlAnswer answer_drain(const Json& question);
  daemon::ControlAnswer answer_restart(const Json& question);

  // For a supervisor that is process 1, as in a container: processes whose parents have gone end up with it.
  void reap_orphans();

  void log_state() const;
  Json status() const;

  // What made the worker end, if that was a service which could not be started.
  const std::optional<Error>& failure() const { return failure_; }

 private:
  Service* find(const std::string& name);
  Service* by_pid(pid_t pid);
  void add(ServiceSpec spec);
  void start_those_that_can();
  bool may_start(const Service& service) const;
  void restart(Service& service, const std::string& why);
  void on_down(const Service& service);
  bool on_end(const Service& service, std::optional<os::ExitStatus> status);
  void on_given_up(Service& service, const Error& why);
  void stop_next();
  void hurry();
  void tell_manager();
  void resume_drain(bool anything_taken_over);

  daemon::Context& context_;
  std::filesystem::path runtime_dir_;
  Sockets sockets_;
  std::vector<std::unique_ptr<Service>> services_;  // in start order
  std::optional<NotifySocket> notify_;
  Drain drain_;
  Handover handover_;
  std::map<std::string, std::string> replace_;  // services taken over that differ from what a start would give, and in what
  std::optional<Error> failure_;
  int exit_status_ = 0;
  BeaconEnd end_ = BeaconEnd::crashed;  // how the beacon ended when nobody here asked it to
  bool all_known_ = false;              // what was to be taken over has been
  bool stopping_ = false;
  bool hurrying_ = false;
  bool deleting_ = false;  // the beacon takes the worker out of the cluster, before the stop goes on
  bool told_ready_ = false;
};

}  // namespace concourse::supervisor
