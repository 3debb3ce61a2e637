// The HTTP API of one service, as far as an operator's questions go.
#pragma once

#include <filesystem>
#include <string>

#include "common/base/json.hpp"

namespace concourse::ctl {

class Api {
 public:
  Api(std::string name, std::filesystem::path socket) : name_(std::move(name)), socket_(std::move(socket)) {}

  // Both throw Error: unavailable when the service is down, saying so, and with the service's own words when it refuses.
  Json get(const std::string& target) const;
  void remove(const std::string& target) const;

 private:
  std::string call(const std::string& method, const std::string& target) const;

  std::string name_;
  std::filesystem::path socket_;
};

}  // namespace concourse::ctl
