#include "common/ssh/tsa_options.hpp"

#include <algorithm>
#include <random>

#include "common/base/error.hpp"
#include "common/base/strings.hpp"
#include "common/os/file.hpp"

namespace concourse::ssh {

HostPort parse_host_port(const std::string& text) {
  const auto colon = text.rfind(':');
  HostPort parts{text.substr(0, colon), colon == std::string::npos ? "" : text.substr(colon + 1)};
  const auto port = parse_u64(parts.port).value_or(0);
  if (parts.host.starts_with('[') && parts.host.ends_with(']')) parts.host = parts.host.substr(1, parts.host.size() - 2);
  else if (parts.host.find(':') != std::string::npos) parts.host.clear();  // an IPv6 address without brackets
  if (parts.host.empty() || port == 0 || port > 65535)
    throw Error(ErrorKind::invalid, "'" + text + "' is not host:port (the TSA's port is 2222 by default)");
  return parts;
}

TsaOptions TsaOptions::from(const config::Values& values) {
  TsaOptions options;
  std::vector<std::string> problems;
  const auto attempt = [&problems](const char* flag, const auto& step) {
    try {
      step();
    } catch (const Error& e) {
      problems.push_back(std::string("flag --") + flag + ": " + e.what());
    }
  };
  attempt("tsa-host", [&] {
    options.hosts = values.list("tsa-host");
    if (options.hosts.empty()) throw Error(ErrorKind::invalid, "no TSA to connect to; give host:port");
    for (const auto& host : options.hosts) parse_host_port(host);
  });
  attempt("tsa-public-key", [&] {
    options.host_keys_file = values.text("tsa-public-key");
    if (options.host_keys_file.empty())
      throw Error(ErrorKind::invalid,
                  "not given, and without it no TSA can be trusted; give the file with the TSA's public key (tsa_host_key.pub)");
    options.host_keys = parse_authorized_keys(os::read_existing_file(options.host_keys_file, 1 << 20));
    if (options.host_keys.empty())
      throw Error(ErrorKind::invalid,
                  "'" + options.host_keys_file +
                      "' holds no public key in authorized_keys form; give the file with the TSA's public key (tsa_host_key.pub)");
  });
  attempt("tsa-worker-private-key", [&] { options.private_key = PrivateKey::load(values.text("tsa-worker-private-key")); });
  if (!problems.empty()) throw Problems(ErrorKind::usage, std::move(problems));
  return options;
}

std::vector<std::string> TsaOptions::shuffled_hosts() const {
  static thread_local std::mt19937 random{std::random_device{}()};
  auto order = hosts;
  std::shuffle(order.begin(), order.end(), random);
  return order;
}

}  // namespace concourse::ssh
