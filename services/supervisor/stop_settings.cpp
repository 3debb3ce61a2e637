#include "services/supervisor/stop_settings.hpp"

#include "common/base/error.hpp"

namespace concourse::supervisor {

std::vector<std::string> wrong_stop_settings(const config::Environment& environment) {
  std::vector<std::string> wrong;
  const auto value = [&](const char* name) {
    const auto found = environment.find(name);
    return found == environment.end() ? std::string() : found->second;
  };
  if (const auto mode = value("CONCOURSE_STOP_MODE"); !mode.empty() && mode != "land" && mode != "retire")
    wrong.push_back("$CONCOURSE_STOP_MODE is '" + mode + "': give land or retire, or leave it out to stop in place");
  const auto deadline = value("CONCOURSE_STOP_DEADLINE");
  if (deadline.empty()) return wrong;
  try {
    if (config::parse_duration(deadline) < std::chrono::seconds(1))
      wrong.push_back("$CONCOURSE_STOP_DEADLINE is '" + deadline + "': give 1s or more, or leave it out to wait for the builds");
  } catch (const Error& e) {
    wrong.push_back(std::string("$CONCOURSE_STOP_DEADLINE: ") + e.what());
  }
  return wrong;
}

}  // namespace concourse::supervisor
