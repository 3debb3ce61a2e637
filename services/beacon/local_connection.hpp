// A connection to a local service that may not be there yet: tried again until it is, without blocking the loop.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "common/base/deadline.hpp"
#include "common/base/unique_fd.hpp"
#include "services/beacon/background.hpp"
#include "services/beacon/options.hpp"

namespace concourse::beacon {

class LocalConnection {
 public:
  LocalConnection(Background& background, const LocalTarget& target) : background_(background), target_(target) {}

  // The connected socket once there is one. Otherwise call again after a while; last_error() says what stood in the way.
  std::optional<UniqueFd> attempt();
  const std::string& last_error() const { return last_error_; }

 private:
  std::optional<UniqueFd> attempt_unix();
  std::optional<UniqueFd> attempt_tcp();

  Background& background_;
  const LocalTarget& target_;
  std::string last_error_;
  bool dialling_ = false;
  std::optional<UniqueFd> dialled_;
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

}  // namespace concourse::beacon
