#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "common/base/error.hpp"
#include "common/base/strings.hpp"
#include "common/os/file.hpp"
#include "common/os/process.hpp"
#include "services/ctl/doctor/checks.hpp"
#include "services/ctl/doctor/runtime_holes.hpp"

namespace concourse::ctl::doctor {

namespace {

constexpr const char* kSearchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
constexpr auto kLimit = std::chrono::seconds(10);

// Who it says that it is, whatever its file is called.
std::string runtime_of(const std::string& version_text) {
  for (const char* name : {"crun", "runc"})
    if (version_text.starts_with(std::string(name) + " ")) return name;
  return "";
}

std::string find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) return ::access(name.c_str(), X_OK) == 0 ? name : "";
  for (const auto& directory : split(kSearchPath, ':'))
    if (auto path = directory + "/" + name; ::access(path.c_str(), X_OK) == 0) return path;
  return "";
}

// The newest 64 KiB of the changelog of the package `name`, if `path` is of that package; else nothing.
std::string changelog_of(const std::string& name, const std::string& path) {
  std::error_code error;
  const auto real = std::filesystem::canonical(path, error).string();
  const auto files = split(os::read_file("/var/lib/dpkg/info/" + name + ".list").value_or(""), '\n');
  if (error || std::find(files.begin(), files.end(), real) == files.end()) return "";
  const auto file = "/usr/share/doc/" + name + "/changelog.Debian.gz";
  try {
    return os::run_program({"gzip", "-dc", file}, Deadline::in(kLimit)).output;
  } catch (const Error&) {  // then its number alone counts
    return "";
  }
}

}  // namespace

Finding judge_runtime(const std::string& path, const std::string& version_text, const std::string& changelog) {
  const auto first_line = version_text.substr(0, version_text.find('\n'));
  const auto version = RuntimeVersion::parse(first_line);
  if (!version) return warning("OCI runtime", path + " has no readable version", "see whether it runs: " + path + " --version");
  const auto what = path + " " + first_line.substr(first_line.find_first_of("0123456789"));
  const auto runtime = runtime_of(first_line);
  if (runtime.empty())
    return warning("OCI runtime", what + " is neither crun nor runc: its holes aren't known here", "use crun or runc");
  const auto holes = holes_of(runtime, *version, changelog);
  if (holes.empty()) return ok("OCI runtime", what);
  std::vector<std::string> names, reasons;
  for (const auto& hole : holes) {
    names.emplace_back(hole.cve);
    if (std::find(reasons.begin(), reasons.end(), hole.kept_out) == reasons.end()) reasons.emplace_back(hole.kept_out);
  }
  return warning("OCI runtime", what + " has " + join(names, ", ") + ", kept out by this worker: " + join(reasons, "; "),
                 "update it: the worker's own care is then not all that there is (docs/isolation.md)");
}

Findings check_runtime(const config::Values& settings) {
  const auto& chosen = settings.text("oci-runtime");
  for (const auto& name : chosen.empty() ? std::vector<std::string>{"crun", "runc"} : std::vector<std::string>{chosen}) {
    const auto path = find_program(name);
    if (path.empty()) continue;
    try {
      // Even for its version crun makes its root, so it is given one that is there.
      const auto result = os::run_program({path, "--root=/run", "--version"}, Deadline::in(kLimit));
      if (result.status.code == 0) return {judge_runtime(path, result.output, changelog_of(runtime_of(result.output), path))};
      return {failure("OCI runtime", path + " --version ended with " + result.status.text(), "install it again")};
    } catch (const Error& e) {
      return {failure("OCI runtime", e.what(), "install it again")};
    }
  }
  return {failure("OCI runtime", (chosen.empty() ? "neither crun nor runc" : "'" + chosen + "'") + std::string(" isn't there"),
                  "apt install crun, or name one with CONCOURSE_OCI_RUNTIME")};
}

}  // namespace concourse::ctl::doctor
