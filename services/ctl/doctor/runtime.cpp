#include <unistd.h>

#include "common/base/error.hpp"
#include "common/base/strings.hpp"
#include "common/os/process.hpp"
#include "services/ctl/doctor/checks.hpp"

namespace concourse::ctl::doctor {

namespace {

constexpr const char* kSearchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
constexpr auto kLimit = std::chrono::seconds(10);

std::string find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) return ::access(name.c_str(), X_OK) == 0 ? name : "";
  for (const auto& directory : split(kSearchPath, ':'))
    if (auto path = directory + "/" + name; ::access(path.c_str(), X_OK) == 0) return path;
  return "";
}

struct Version {
  int major = 0, minor = 0, patch = 0;
  auto operator<=>(const Version&) const = default;  // NOLINT(modernize-use-nullptr): no pointer here
};

}  // namespace

// The first fixed releases: runc 1.1.12 (CVE-2024-21626, out of the container by a leaked directory), then 1.2.8 and 1.3.3
// (CVE-2025-31133 and its two relatives, masked paths); crun 1.4.4 (CVE-2022-27650, inherited capabilities). A distribution fixes
// without changing the number, so that its packages are judged by whether they are up to date, which isn't seen from here.
Finding judge_runtime(const std::string& path, const std::string& version_text) {
  const auto first_line = version_text.substr(0, version_text.find('\n'));
  const auto digits = first_line.find_first_of("0123456789");
  Version v;
  if (digits == std::string::npos || std::sscanf(first_line.c_str() + digits, "%d.%d.%d", &v.major, &v.minor, &v.patch) < 2)
    return warning("OCI runtime", path + " has no readable version", "see whether it runs: " + path + " --version");
  const auto number = first_line.substr(digits);
  const bool of_distribution = number.find_first_of("+~-") != std::string::npos;
  const bool runc = first_line.find("runc") != std::string::npos;
  const bool old = runc ? v < Version{1, 2, 8} || (v >= Version{1, 3, 0} && v < Version{1, 3, 3}) : v < Version{1, 4, 4};
  const auto what = path + " " + number;
  if (!old) return ok("OCI runtime", what);
  if (of_distribution) return ok("OCI runtime", what + "; fixes come with the distribution's updates");
  return warning("OCI runtime", what + " has known holes",
                 runc ? "use runc 1.2.8, 1.3.3 or newer, or crun" : "use crun 1.4.4 or newer");
}

Findings check_runtime(const config::Values& settings) {
  const auto& chosen = settings.text("oci-runtime");
  for (const auto& name : chosen.empty() ? std::vector<std::string>{"crun", "runc"} : std::vector<std::string>{chosen}) {
    const auto path = find_program(name);
    if (path.empty()) continue;
    try {
      // Even for its version crun makes its root, so it is given one that is there.
      const auto result = os::run_program({path, "--root=/run", "--version"}, Deadline::in(kLimit));
      if (result.status.code == 0) return {judge_runtime(path, result.output)};
      return {failure("OCI runtime", path + " --version ended with " + result.status.text(), "install it again")};
    } catch (const Error& e) {
      return {failure("OCI runtime", e.what(), "install it again")};
    }
  }
  return {failure("OCI runtime", (chosen.empty() ? "neither crun nor runc" : "'" + chosen + "'") + std::string(" isn't there"),
                  "apt install crun, or name one with CONCOURSE_OCI_RUNTIME")};
}

}  // namespace concourse::ctl::doctor
