#include <sys/stat.h>

#include "common/base/error.hpp"
#include "common/base/strings.hpp"
#include "common/daemon/control.hpp"
#include "common/protocol/paths.hpp"
#include "common/ssh/dial.hpp"
#include "common/ssh/session.hpp"
#include "services/ctl/doctor/checks.hpp"
#include "services/ctl/worker_view.hpp"

namespace concourse::ctl::doctor {

namespace {

constexpr auto kLimit = std::chrono::seconds(10);  // for one TSA

Finding key_file(const std::string& path) {
  struct stat file {};
  if (::stat(path.c_str(), &file) != 0)
    return failure("worker key", "'" + path + "': " + errno_text(errno), "see CONCOURSE_TSA_WORKER_PRIVATE_KEY");
  return judge_key_mode(path, file.st_mode & 07777, file.st_uid);
}

Finding greet(const std::string& host, const ssh::TsaOptions& options) {
  const auto deadline = Deadline::in(kLimit);
  try {
    ssh::Session session(ssh::dial(host, deadline), host, options);
    ssh::wait_until_done(session, "the key exchange", deadline, [&] { return session.handshake(); });
    ssh::wait_until_done(session, "the login", deadline, [&] { return session.authenticate(); });
    const auto algorithms = session.ciphers();
    session.disconnect("only looking");
    return ok("TSA", host + " has the right host key and takes ours; " + algorithms);
  } catch (const Error& e) {
    return failure("TSA", e.what(),
                   e.kind() == ErrorKind::invalid
                       ? "compare the keys with the web node's: its host key's public half here, ours in its authorized worker keys"
                       : "see whether the web node is up and whether a firewall lets its port through");
  }
}

Finding registration(const std::filesystem::path& runtime_dir, const config::Values& settings) {
  const auto version = "worker protocol " + settings.text("protocol-version");
  try {
    const auto status = daemon::ask(protocol::control_socket(runtime_dir, "beacon"), {{"command", "status"}},
                                    Deadline::in(std::chrono::seconds(2)));
    const auto* beacon = find_field(status, "beacon");
    const auto state = beacon != nullptr ? string_field(*beacon, "state") : "";
    const auto error = beacon != nullptr ? string_field(*beacon, "last_error") : "";
    if (beacon != nullptr && (state == "registered" || state == "landing" || state == "retiring"))
      return ok("registration", state + " as " + string_field(*beacon, "name") + ", " + version);
    return warning("registration",
                   "the beacon is " + (state.empty() ? "not ready" : state) + (error.empty() ? "" : ": " + error) + "; " + version,
                   "concourse-workerctl logs beacon; web nodes up to 8.2 need CONCOURSE_PROTOCOL_VERSION=2.5");
  } catch (const Error&) {
    return warning("registration", "the beacon doesn't run", "systemctl start concourse-worker.target");
  }
}

}  // namespace

Finding judge_key_mode(const std::string& path, unsigned mode, unsigned owner) {
  char text[8];
  std::snprintf(text, sizeof text, "%04o", mode);
  const auto what = "'" + path + "' has mode " + text;
  if ((mode & 0077) != 0) return warning("worker key", what + ": others can read or change it", "chmod 600 " + path);
  return ok("worker key", what + (owner == 0 ? "" : " and belongs to user " + std::to_string(owner)));
}

Findings check_cluster(const std::filesystem::path& runtime_dir, const config::Values& settings) {
  Findings findings;
  if (const auto& key = settings.text("tsa-worker-private-key"); !key.empty()) findings.push_back(key_file(key));
  try {
    const auto options = ssh::TsaOptions::from(settings);
    findings.push_back(ok("keys", "ours is " + ssh::fingerprint(options.private_key.public_key().blob) + "; " +
                                      std::to_string(options.host_keys.size()) + " host keys in " + options.host_keys_file));
    for (const auto& host : options.hosts) findings.push_back(greet(host, options));
  } catch (const Error& e) {
    findings.push_back(failure("keys", e.what(),
                               "set the CONCOURSE_TSA_… settings; `concourse generate-key -t ssh -f FILE` makes a worker's key"));
  }
  findings.push_back(registration(runtime_dir, settings));
  return findings;
}

Findings check_services(const std::filesystem::path& runtime_dir) {
  Findings findings;
  for (const auto& service : look(runtime_dir).services) {
    if (service.up)
      findings.push_back(
          ok(service.name, string_field(service.answer, "state", "?") + ", version " + string_field(service.answer, "version")));
    else
      findings.push_back(
          failure(service.name, service.why_down,
                  "systemctl start concourse-worker.target, then concourse-workerctl logs " + service.name + " for the reason"));
  }
  return findings;
}

}  // namespace concourse::ctl::doctor
