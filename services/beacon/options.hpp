// What the beacon was told: flags and variables, read, checked, and brought into the form the parts want.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "common/config/values.hpp"
#include "common/protocol/tsa.hpp"
#include "common/ssh/tsa_options.hpp"

namespace concourse::beacon {

// Where a local API is served: a Unix socket, or "host:port" for a Garden that isn't ours.
struct LocalTarget {
  std::string name;  // "garden", for messages
  std::filesystem::path socket;
  std::string host_port;  // used when `socket` is empty

  bool is_unix() const { return !socket.empty(); }
  std::string text() const { return is_unix() ? "unix:" + socket.string() : host_port; }
};

struct Options {
  std::filesystem::path runtime_dir;
  ssh::TsaOptions tsa;
  protocol::tsa::Worker worker;  // without its resource types and state
  std::optional<std::filesystem::path> resource_types;
  LocalTarget garden, baggageclaim;
  Duration sweep_interval{};
  std::size_t containers_in_flight = 0, volumes_in_flight = 0;
  // Zero is never.
  Duration rebalance_interval{}, drain_timeout{}, connection_drain_timeout{};
};

// The beacon's command line.
config::Program program();

// Reads the key files, the host name and the clock. Throws Error(usage), one line for everything that is wrong.
Options read_options(const config::Values& values);

// "http://10.0.0.1:7777/x" -> "10.0.0.1:7777"; the scheme's port when there is none.
std::string host_port_of_url(const std::string& url);

}  // namespace concourse::beacon
