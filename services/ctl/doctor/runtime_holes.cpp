#include "services/ctl/doctor/runtime_holes.hpp"

#include <cstdio>

namespace concourse::ctl::doctor {

namespace {

constexpr const char* kNoExec = "nobody but the init's read-only copy enters a running container";
constexpr const char* kOwnMounts = "mounts are made by descriptor, before the runtime runs";
constexpr const char* kWorkingDirectory = "the runtime is given / as the working directory, and the init checks each process's";
constexpr const char* kNoConsole = "the runtime gets no console and no /dev, /proc or /sys of an image's making";
constexpr const char* kRealDirectories = "an image whose /dev, /proc or /sys isn't a directory is refused";
constexpr const char* kNotInheritable = "containers are given no inheritable capabilities";

// From the projects' security advisories.
const std::vector<RuntimeHole>& all_holes() {
  static const std::vector<RuntimeHole> holes{
      {"CVE-2019-5736", "runc", {{1, 0, 0, 7}}, kNoExec},
      {"CVE-2021-30465", "runc", {{1, 0, 0, 95}}, kOwnMounts},
      {"CVE-2024-21626", "runc", {{1, 1, 12}}, kWorkingDirectory},
      {"CVE-2024-45310", "runc", {{1, 1, 14}, {1, 2, 0, 3}}, kOwnMounts},
      {"CVE-2025-31133", "runc", {{1, 2, 8}, {1, 3, 3}, {1, 4, 0, 3}}, kNoConsole},
      {"CVE-2025-52565", "runc", {{1, 2, 8}, {1, 3, 3}, {1, 4, 0, 3}}, kNoConsole},
      {"CVE-2025-52881", "runc", {{1, 2, 8}, {1, 3, 3}, {1, 4, 0, 3}}, kNoConsole},
      {"CVE-2026-41579", "runc", {{1, 3, 6}, {1, 4, 3}, {1, 5, 0, 3}}, kRealDirectories},
      {"CVE-2019-18837", "crun", {{0, 10, 5}}, kRealDirectories},
      {"CVE-2022-27650", "crun", {{1, 4, 4}}, kNotInheritable},
      {"CVE-2026-47766", "crun", {{1, 28, 0}}, kRealDirectories},
  };
  return holes;
}

bool is_mended(const RuntimeHole& hole, const RuntimeVersion& version) {
  const auto branch = [](const RuntimeVersion& v) { return std::pair(v.major, v.minor); };
  for (const auto& first : hole.mended)
    if (branch(version) == branch(first)) return version >= first;
  return branch(version) > branch(hole.mended.back());
}

// Whether a text has this name, and not only one that begins with it.
bool names(std::string_view text, std::string_view cve) {
  for (auto at = text.find(cve); at != std::string_view::npos; at = text.find(cve, at + 1)) {
    const auto end = at + cve.size();
    if (end == text.size() || text[end] < '0' || text[end] > '9') return true;
  }
  return false;
}

}  // namespace

std::optional<RuntimeVersion> RuntimeVersion::parse(std::string_view text) {
  const auto digits = text.find_first_of("0123456789");
  if (digits == std::string_view::npos) return std::nullopt;
  const std::string number(text.substr(digits, text.find_first_of(" \n", digits) - digits));
  RuntimeVersion v;
  int read = 0;
  if (std::sscanf(number.c_str(), "%9d.%9d%n", &v.major, &v.minor, &read) < 2) return std::nullopt;
  int more = 0;
  if (std::sscanf(number.c_str() + read, ".%9d%n", &v.patch, &more) == 1) read += more;
  const char* rest = number.c_str() + read;
  if ((*rest == '-' || *rest == '~') && std::sscanf(rest + 1, "rc%*[.]%9d", &v.candidate) != 1 &&
      std::sscanf(rest + 1, "rc%9d", &v.candidate) != 1)
    v.candidate = INT_MAX;
  return v;
}

std::vector<RuntimeHole> holes_of(std::string_view runtime, const RuntimeVersion& version, std::string_view changelog) {
  std::vector<RuntimeHole> found;
  for (const auto& hole : all_holes())
    if (runtime == hole.runtime && !is_mended(hole, version) && !names(changelog, hole.cve)) found.push_back(hole);
  return found;
}

}  // namespace concourse::ctl::doctor
