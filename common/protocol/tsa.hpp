// What the TSA and we say to each other: addresses, commands, and the worker object. docs/protocols/tsa.md tells the whole story.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/json.hpp"

namespace concourse::protocol::tsa {

inline constexpr const char* kUser = "beacon";  // never looked at by the TSA; the key is what counts

// What we ask the TSA to forward. Labels only: it listens on random ports of its own and names these two when it opens a channel.
inline constexpr const char* kForwardAddress = "0.0.0.0";
inline constexpr int kGardenPort = 7777;
inline constexpr int kBaggageclaimPort = 7788;

inline constexpr const char* kForwardWorker = "forward-worker --garden 0.0.0.0:7777 --baggageclaim 0.0.0.0:7788";
inline constexpr const char* kLandWorker = "land-worker";
inline constexpr const char* kRetireWorker = "retire-worker";
inline constexpr const char* kDeleteWorker = "delete-worker";
inline constexpr const char* kReportContainers = "report-containers";
inline constexpr const char* kReportVolumes = "report-volumes";
inline constexpr const char* kSweepContainers = "sweep-containers";
inline constexpr const char* kSweepVolumes = "sweep-volumes";

// The command line of a report. The handles are all of them: what isn't named is taken for lost. With none the command is the bare
// word, because the TSA would take a trailing space for one handle with an empty name. Throws Error(invalid) for a handle that
// can't stand in a space-separated list.
std::string report_command(std::string_view command, const std::vector<std::string>& handles);

// The longest command that fits in one request: the TSA drops the connection at a packet_length above 256 KiB, and a request can't
// be split. Room is left for what stands around it: 1 byte padding length, up to 19 of padding, 18 of request.
inline constexpr std::size_t kMaxCommand = (256 << 10) - 64;

struct ResourceType {
  std::string type;   // the name that pipelines use
  std::string image;  // path of its root file system's archive, readable by BaggageClaim
  std::string version;
  bool privileged = false;
  bool unique_version_history = false;
};

// The worker object that goes to the standard input of every command. Fields the TSA or the web fills in (addr, baggageclaim_url,
// active_*) are always sent empty.
struct Worker {
  std::string name;
  std::string team;
  std::string platform = "linux";
  std::vector<std::string> tags;
  std::vector<ResourceType> resource_types;
  std::string version;          // worker protocol version: 3.0 or 2.5
  std::int64_t start_time = 0;  // Unix seconds; the same in every registration of one process
  bool ephemeral = false;
  std::int64_t max_active_tasks = 0;
  std::optional<std::string> certs_path;
  std::string http_proxy, https_proxy, no_proxy;
  std::string state;  // "landing" or "retiring": kept by the web instead of "running"; empty otherwise
};

// In the order and with the omissions of the Go worker.
std::string to_json(const Worker& worker);

}  // namespace concourse::protocol::tsa
