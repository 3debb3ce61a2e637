// Makes one authenticated SSH session, without blocking the loop: host after host, each with its own limits, until one works.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/loop/event_loop.hpp"
#include "common/ssh/session.hpp"
#include "services/beacon/background.hpp"

namespace concourse::beacon {

class Connector {
 public:
  // Called once: with a session, or with what every host did.
  using OnDone = std::function<void(std::unique_ptr<ssh::Session> session, const std::string& error)>;

  // Tries `hosts` in this order. Dropping it gives the attempt up. `options` must outlive it and the session.
  Connector(EventLoop& loop, Background& background, const ssh::TsaOptions& options, std::vector<std::string> hosts,
            OnDone on_done);
  ~Connector();
  Connector(const Connector&) = delete;
  Connector& operator=(const Connector&) = delete;

 private:
  void next_host();
  void dialled(UniqueFd socket);
  void step();
  void host_failed(const std::string& reason);
  void release_socket();
  void finish(std::unique_ptr<ssh::Session> session, const std::string& error);

  EventLoop& loop_;
  Background& background_;
  const ssh::TsaOptions& options_;
  std::vector<std::string> hosts_;
  OnDone on_done_;
  std::size_t host_ = 0;
  std::unique_ptr<ssh::Session> session_;
  bool shaken_ = false, watching_ = false;
  EventLoop::TimerId limit_ = 0;
  std::vector<std::string> problems_;
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

}  // namespace concourse::beacon
