// A planned restart that nobody notices, for a beacon whose service manager can only stop and start (systemd): it starts the next
// one beside itself, from the program that is on the disk now and with its own arguments and environment, and carries its open
// connections to their end when that one has registered (make before break).
//
// The two have a socket pair, in the new one the inherited descriptor "predecessor":
//   new → old   a byte   the cluster knows me
//   old → new   a byte   the manager watches you now (MAINPID=)
// Its end before that ends the new one; the old one goes on as if nothing had been asked. Used on the loop's thread only.
#pragma once

#include "common/base/unique_fd.hpp"
#include "common/daemon/daemon.hpp"
#include "services/beacon/beacon.hpp"

namespace concourse::beacon {

class Succession {
 public:
  // Finds out whether this process is to take another's place, and then says nothing to the manager until it has.
  explicit Succession(daemon::Context& ctx);
  ~Succession();
  Succession(const Succession&) = delete;
  Succession& operator=(const Succession&) = delete;

  // Starts the next one; answers at once. Throws Error(conflict) when one has been started already or when a supervisor does this.
  void begin(Beacon& beacon);
  // The cluster knows of this process.
  void registered();

 private:
  void successor_says(Beacon& beacon, pid_t pid);
  void predecessor_says();
  void take_back(Beacon& beacon, const std::string& reason);
  void close();

  daemon::Context& ctx_;
  UniqueFd predecessor_, successor_;
  EventLoop::TimerId limit_ = 0;
  bool told_ = false;
};

}  // namespace concourse::beacon
