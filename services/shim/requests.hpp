// Garden's questions on shim.sock (common/protocol/shim.hpp).
#pragma once

#include "common/base/unique_fd.hpp"
#include "services/shim/container.hpp"

namespace concourse::shim {

class Requests {
 public:
  // `on_destroyed`: the container is gone and the answer is on its way.
  Requests(EventLoop& loop, UniqueFd listener, Container& container, std::function<void()> on_destroyed);
  ~Requests();

 private:
  void accept_one();
  void dispatch(int fd);

  EventLoop& loop_;
  UniqueFd listener_;
  Container& container_;
  std::function<void()> on_destroyed_;
  std::map<int, UniqueFd> waiting_;  // connections whose question hasn't come
};

}  // namespace concourse::shim
