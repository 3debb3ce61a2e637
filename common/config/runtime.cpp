#include "common/config/runtime.hpp"

namespace concourse::config {

std::vector<std::string> refused_runtimes(const Values& values) {
  std::vector<std::string> refused;
  if (const auto& runtime = values.text("runtime"); runtime != "guardian")
    refused.push_back("this worker has no runtime '" + runtime +
                      "'; use --runtime guardian, which makes containers with crun or runc");
  if (const auto& bin = values.text("garden-bin"); !bin.empty())
    refused.push_back("this worker runs its own Garden and not '" + bin + "'; drop --garden-bin");
  return refused;
}

}  // namespace concourse::config
