// One question to a service's control socket that doesn't hold up the loop while the service thinks.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "common/base/json.hpp"
#include "common/base/unique_fd.hpp"
#include "common/loop/event_loop.hpp"

namespace concourse::supervisor {

class ControlCall {
 public:
  // `error` is empty when the service agreed.
  using Done = std::function<void(const Json& answer, const std::string& error)>;

  // `done` is called once, from the loop, within `limit`. Dropping the object before that cancels it.
  ControlCall(EventLoop& loop, const std::filesystem::path& socket, const Json& question, Duration limit, Done done);
  ~ControlCall();
  ControlCall(const ControlCall&) = delete;
  ControlCall& operator=(const ControlCall&) = delete;

 private:
  void receive();
  void finish(const Json& answer, const std::string& error);

  EventLoop& loop_;
  Done done_;
  UniqueFd connection_;
  EventLoop::TimerId timer_ = 0;
};

}  // namespace concourse::supervisor
