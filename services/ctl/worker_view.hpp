// Everything that the services of one worker say about themselves, those that don't answer included.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "common/base/json.hpp"

namespace concourse::ctl {

inline constexpr const char* kServices[] = {"garden", "baggageclaim", "beacon", "healthcheck"};

struct ServiceView {
  std::string name;
  bool up = false;
  std::string why_down;  // in words for people
  Json answer;           // of `status`
  Json supervised;       // what the supervisor says about it; null without a supervisor
};

struct WorkerView {
  ServiceView supervisor;
  std::vector<ServiceView> services;
  bool all_up() const;  // the supervisor doesn't count: under systemd there may be none
};

// Asks every control socket in turn; one that hangs costs two seconds.
WorkerView look(const std::filesystem::path& runtime_dir);

Json to_json(const WorkerView& view);
std::string to_text(const WorkerView& view);

}  // namespace concourse::ctl
