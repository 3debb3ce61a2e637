// A container as a client asks for it (POST /containers). Format: docs/protocols/garden.md.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/base/json.hpp"
#include "services/garden/network/rules.hpp"

namespace concourse::garden {

struct BindMount {
  std::string source, destination;
  bool writable = false;
};

struct Limits {
  std::uint64_t cpu_weight = 0, cpu_shares = 0;  // weight wins
  std::uint64_t memory_bytes = 0;
  std::uint64_t pids = 0;
  std::uint64_t disk_bytes = 0, disk_inodes = 0;
  bool disk_exclusive = false;                             // what the image has doesn't count
  Json bandwidth = Json::object(), disk = Json::object();  // reported as they came
};

struct ContainerSpec {
  std::string handle;
  std::int64_t grace_time_ns = 0;
  std::string rootfs;  // absolute path, decoded
  std::vector<BindMount> bind_mounts;
  std::string network;
  std::map<std::string, std::string> properties;
  std::vector<std::string> env;
  bool privileged = false;
  Limits limits;
  bool hermetic = false;  // no netout_rules at all: the web's way to ask for no network
  Json netout_rules = Json::array();
  std::vector<PortMapping> netin;
};

// Checks everything that can be checked without the machine; an empty handle gets a UUID. Throws Error(invalid) with the
// texts that clients know ("rootfs must not be empty" among them).
ContainerSpec parse_container_spec(const Json& json);
Json to_json(const ContainerSpec& spec);

}  // namespace concourse::garden
