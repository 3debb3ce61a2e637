#include <sys/stat.h>

#include <cerrno>
#include <cstdio>

#include "common/base/error.hpp"
#include "common/host/peer_address.hpp"
#include "services/ctl/doctor/checks.hpp"

namespace concourse::ctl::doctor {

namespace {

namespace fs = std::filesystem;

std::string octal(unsigned mode) {
  char text[8];
  std::snprintf(text, sizeof text, "%04o", mode);
  return text;
}

// What isn't there is closed.
void judge_path(Findings& findings, const fs::path& path, unsigned allowed) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) == 0) findings.push_back(judge_closed(path.string(), status.st_mode & 07777, allowed));
  else if (errno != ENOENT && errno != ENOTDIR)
    findings.push_back(warning("access", "'" + path.string() + "': " + errno_text(errno), "run the doctor as root"));
}

void judge_listener(Findings& findings, const std::string& service, const config::Values& settings, const std::string& prefix) {
  if (!settings.given(prefix + "bind-ip") && !settings.given(prefix + "bind-port")) return;
  const auto& ip = settings.text(prefix + "bind-ip");
  const auto where =
      (ip.find(':') != std::string::npos ? "[" + ip + "]" : ip) + ":" + std::to_string(settings.port(prefix + "bind-port"));
  const bool local = host::is_loopback(ip);
  const bool all = local || service == "Garden" || settings.flag("baggageclaim-bind-full-api");
  findings.push_back(warning("listeners",
                             service + " listens on " + where +
                                 " and asks nobody who it is: " + (local ? "any user of this machine" : "whoever reaches it") +
                                 (all ? " becomes root here" : " can list the volumes and write into them"),
                             all ? "leave --" + prefix + "bind-ip and -port unset: the worker needs no more than its Unix sockets"
                                 : "let the firewall admit other workers only; without peer-to-peer streaming leave it unset"));
}

}  // namespace

Finding judge_closed(const std::string& path, unsigned mode, unsigned allowed) {
  const auto what = "'" + path + "' has mode " + octal(mode);
  if ((mode & 0777 & ~allowed) == 0) return ok("access", what);
  return warning("access", what + ": others can get at what containers left there, set-user-id files too",
                 "restart the worker, which closes it, or chmod " + octal(allowed) + " " + path);
}

Findings judge_listeners(const config::Values& settings) {
  Findings findings;
  judge_listener(findings, "Garden", settings, "");
  judge_listener(findings, "BaggageClaim", settings, "baggageclaim-");
  if (findings.empty()) return {ok("listeners", "Garden and BaggageClaim listen on Unix sockets only")};
  return findings;
}

Findings check_exposure(const fs::path& runtime_dir, const config::Values& settings) {
  Findings findings;
  if (const fs::path work = settings.text("work-dir"); !work.empty()) {
    judge_path(findings, work / "volumes", 0710);
    judge_path(findings, work / "overlays", 0700);
    judge_path(findings, work / "volumes.img", 0600);
  }
  judge_path(findings, runtime_dir / "garden", 0710);
  for (auto& finding : judge_listeners(settings)) findings.push_back(std::move(finding));
  return findings;
}

}  // namespace concourse::ctl::doctor
