// What the supervisor knows of each service: its program, sockets, arguments and place in the order.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "common/base/deadline.hpp"
#include "common/config/parser.hpp"

namespace concourse::supervisor {

struct TcpAddress {
  std::string ip;
  unsigned short port = 0;
  std::string flag;  // that chose the port, for the error line
};

// A listening socket: a Unix one if it has a path, else TCP.
struct ListenerSpec {
  std::string name;  // in LISTEN_FDNAMES
  std::filesystem::path path;
  TcpAddress tcp;
};

struct ServiceSpec {
  std::string name;                // "garden": in logs, and control/<name>.sock
  std::vector<std::string> needs;  // services that must have been ready once before the first start
  std::vector<ListenerSpec> listeners;
  std::vector<std::string> command;      // the program's path, then --name=value words
  std::vector<std::string> environment;  // all of it, LISTEN_* apart
  Duration stop_limit{};                 // from TERM to KILL

  std::string program() const { return std::filesystem::path(command.at(0)).filename(); }
};

// The services this worker runs, in start order. Garden is not among them with --external-garden-url. `programs` is the directory
// of the services' programs; `environment` is ours, of which only harmless variables are passed on.
std::vector<ServiceSpec> service_specs(const config::Values& values, const std::filesystem::path& programs,
                                       const config::Environment& environment);

// The variables of a service's environment that are settings of ours, sorted: what is passed on as it is (PATH, TZ …) and LISTEN_*,
// which every start changes, are not.
std::vector<std::string> settings_in(const std::vector<std::string>& environment);

// Names in the order in which an orderly stop ends them: the beacon first, so that no new work comes.
std::vector<std::string> stop_order();

}  // namespace concourse::supervisor
