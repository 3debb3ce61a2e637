#include "services/beacon/options.hpp"

#include <limits.h>
#include <unistd.h>

#include <ctime>

#include "common/base/error.hpp"
#include "common/base/strings.hpp"
#include "common/config/groups.hpp"
#include "common/protocol/paths.hpp"
#include "services/beacon/resource_types.hpp"

namespace concourse::beacon {

namespace {

namespace fs = std::filesystem;

std::string host_name() {
  char name[HOST_NAME_MAX + 1] = {};
  if (gethostname(name, sizeof name - 1) != 0) throw SysError("read the host name (give --name instead)");
  return name;
}

// --resource-types, else what lies beside the programs in an installed tree.
std::optional<fs::path> resource_types_dir(const config::Values& values) {
  if (const auto& given = values.text("resource-types"); !given.empty()) return given;
  std::error_code error;
  const auto self = fs::read_symlink("/proc/self/exe", error);
  if (error) return std::nullopt;
  const auto beside = self.parent_path().parent_path() / "resource-types";
  if (!fs::is_directory(beside, error)) return std::nullopt;
  return beside;
}

std::string checked_version(const config::Values& values) {
  const auto& version = values.given("version") ? values.text("version") : values.text("protocol-version");
  if (version.empty() || version.find_first_not_of("0123456789.") != std::string::npos)
    throw Error(ErrorKind::usage,
                "flag --protocol-version: '" + version + "' is not a version: digits and dots, such as 3.0 or 2.5");
  return version;
}

std::size_t at_least_one(const config::Values& values, const char* flag) {
  const auto n = values.integer(flag);
  if (n < 1 || n > 65535)
    throw Error(ErrorKind::usage, std::string("flag --") + flag + ": " + std::to_string(n) + " is not between 1 and 65535");
  return static_cast<std::size_t>(n);
}

Duration not_negative(const config::Values& values, const char* flag) {
  const auto d = values.duration(flag);
  if (d < Duration::zero())
    throw Error(ErrorKind::usage, std::string("flag --") + flag + ": '" + values.text(flag) + "' is negative; 0 is never");
  return d;
}

protocol::tsa::Worker worker_from(const config::Values& values) {
  protocol::tsa::Worker worker;
  worker.name = values.text("name").empty() ? host_name() : values.text("name");
  worker.team = values.text("team");
  for (const auto& tag : values.list("tag"))
    if (!tag.empty()) worker.tags.push_back(tag);
  worker.version = checked_version(values);
  worker.start_time = std::time(nullptr);
  worker.ephemeral = values.flag("ephemeral");
  worker.max_active_tasks = values.integer("max-active-tasks");
  if (const auto& dir = values.text("certs-dir"); !dir.empty()) worker.certs_path = dir;
  worker.http_proxy = values.text("http-proxy");
  worker.https_proxy = values.text("https-proxy");
  worker.no_proxy = values.text("no-proxy");
  return worker;
}

}  // namespace

config::Program program() {
  return {
      .name = "concourse-beacon",
      .summary = "Registers the worker with a TSA and carries the connections to Garden and BaggageClaim over one SSH connection.",
      .groups = config::beacon_groups(),
      .example = "concourse-beacon --tsa-host web:2222 --tsa-public-key tsa_host_key.pub --tsa-worker-private-key worker_key"};
}

std::string host_port_of_url(const std::string& url) {
  const auto scheme_end = url.find("://");
  const auto scheme = url.substr(0, scheme_end);
  auto rest = scheme_end == std::string::npos ? url : url.substr(scheme_end + 3);
  rest = rest.substr(0, rest.find_first_of("/?#"));
  if (const auto at = rest.rfind('@'); at != std::string::npos) rest.erase(0, at + 1);
  const auto bracket = rest.rfind(']');
  const auto colon = rest.rfind(':');
  if (colon == std::string::npos || (bracket != std::string::npos && colon < bracket)) rest += scheme == "https" ? ":443" : ":80";
  ssh::parse_host_port(rest);
  return rest;
}

Options read_options(const config::Values& values) {
  Options options;
  options.runtime_dir = values.text("runtime-dir");
  std::vector<std::string> problems;
  const auto attempt = [&problems](const auto& step) {
    try {
      step();
    } catch (const Error& e) {
      for (auto& problem : problems_of(e)) problems.push_back(std::move(problem));
    }
  };
  attempt([&] { options.tsa = ssh::TsaOptions::from(values); });
  attempt([&] { options.worker = worker_from(values); });
  attempt([&] {
    options.sweep_interval = values.duration("sweep-interval");
    if (options.sweep_interval <= Duration::zero())
      throw Error(ErrorKind::usage, "flag --sweep-interval: '" + values.text("sweep-interval") + "' must be more than 0");
  });
  attempt([&] { options.containers_in_flight = at_least_one(values, "container-sweeper-max-in-flight"); });
  attempt([&] { options.volumes_in_flight = at_least_one(values, "volume-sweeper-max-in-flight"); });
  attempt([&] { options.rebalance_interval = not_negative(values, "rebalance-interval"); });
  attempt([&] { options.drain_timeout = not_negative(values, "drain-timeout"); });
  attempt([&] { options.connection_drain_timeout = not_negative(values, "connection-drain-timeout"); });
  options.garden = {"garden", protocol::garden_socket(options.runtime_dir), ""};
  options.baggageclaim = {"baggageclaim", protocol::baggageclaim_socket(options.runtime_dir), ""};
  if (const auto& url = values.text("external-garden-url"); !url.empty())
    attempt([&] {
      try {
        options.garden = {"garden", "", host_port_of_url(url)};
      } catch (const Error& e) {
        throw Error(ErrorKind::usage, "flag --external-garden-url: " + std::string(e.what()));
      }
    });
  options.resource_types = resource_types_dir(values);
  // A worker that starts leaves broken ones out and goes on.
  if (options.resource_types && values.flag(config::kCheckConfig)) attempt([&] { check_resource_types(*options.resource_types); });
  if (!problems.empty()) throw Problems(ErrorKind::usage, std::move(problems));
  return options;
}

}  // namespace concourse::beacon
