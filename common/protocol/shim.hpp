// What Garden asks a container's shim, over <container dir>/shim.sock: one frame each way per connection
// (common/os/unix_socket.hpp). A question's body is one JSON object, then LF, then raw bytes where the question has some.
//
//   question    fields                            descriptors   raw bytes     answer
//   run         process (a Garden ProcessSpec),   connection    left-over     {"process_id"}
//               request
//   attach      process_id                        connection    left-over     {}
//   output      stream_id, stream (stdout|stderr) connection                  {}
//   stop        kill                                                          {} when no process is left
//   status                                                                    {"pid","running","stopped","attached","oom_kills",
//                                                                              "processes":[{"id","running","status"}]}
//   init                                                                      {} and a descriptor: the init's /proc directory
//   events      after                                                         {"events":[{"number","time","event",…}],"lost"}
//   destroy                                                                   as events, when the container is gone; then the
//                                                                             shim exits
//
// The connection is the client's, taken over from the HTTP server: the shim writes the answer's head and speaks the stream
// from then on (docs/protocols/garden.md). When the answer is an error the shim has written nothing to it.
//
// `events` tells what happened in the container, for Garden's log: numbers rise from 1, `time` is in Unix nanoseconds. Answered
// with those behind `after`, as soon as there is one; those up to it are forgotten. `lost`: so many before the first were dropped.
// Events of a process have the `request` with which it was run, by whose id Garden's log knows it.
//
// Every answer has "ok"; one that is false has "error" (text) and "kind".
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "common/base/json.hpp"

namespace concourse::protocol::shim {

// Raised when a question, an answer or the shim's own state file changes its meaning. A shim of another version goes on
// serving the container it has; Garden refuses to read a newer one's state.
inline constexpr int kVersion = 1;

inline constexpr const char* kRun = "run";
inline constexpr const char* kAttach = "attach";
inline constexpr const char* kOutput = "output";
inline constexpr const char* kStop = "stop";
inline constexpr const char* kStatus = "status";
inline constexpr const char* kInit = "init";
inline constexpr const char* kEvents = "events";
inline constexpr const char* kDestroy = "destroy";

// "kind" of a refusal.
inline constexpr const char* kExecutableNotFound = "executable-not-found";
inline constexpr const char* kProcessNotFound = "process-not-found";
inline constexpr const char* kConflict = "conflict";
inline constexpr const char* kOther = "other";

// Descriptors of a shim at its start.
inline constexpr int kListenerFd = 3;  // shim.sock
inline constexpr int kReportFd = 4;    // one frame: {"ok":true,"pid":N} with the container's network namespace, or a refusal
inline constexpr int kRuntimeFd = 5;  // the OCI runtime's sealed copy, to be executed instead of Config::oci_runtime; may be absent
// From here on, for the mounts that the OCI runtime finds: a detached tmpfs, which the shim attaches at mounts_path(), then two
// descriptors for each Mount, in order: what is mounted, and the place. None if there are no mounts.
inline constexpr int kMountsFd = 6;

struct Mount {
  std::string destination;  // in the container; for messages
  bool writable = false;
  bool detached = false;  // a copy of a mount that is attached nowhere yet; else a file of the tmpfs
};

// <container dir>/shim.json: what the shim is told at its start.
struct Config {
  int version = kVersion;
  std::string handle;
  std::string oci_runtime;                     // path of crun or runc
  std::vector<std::string> oci_runtime_flags;  // global flags: --root …, --cgroup-manager …
  std::string oci_state;                       // what the runtime keeps of this container: <its root>/<handle>
  std::uint32_t owner = 0;                     // host id of the container's root: its pipes are given to it
  std::uint32_t namespace_owner = 0;           // host id that the user namespace shall belong to; 0: the runtime makes it
  std::string uid_map, gid_map;                // its lines, if it has such an owner
  std::vector<std::string> environment;        // of every process
  std::int64_t create_limit_ms = 60'000;       // for the OCI runtime
  std::string cgroup;                          // its path from the root of each hierarchy
  bool unified_cgroups = false;
  std::uint64_t memory_limit = 0;  // bytes; 0: none
  std::vector<Mount> mounts;
};
Json to_json(const Config& config);
Config config_from_json(const Json& json);

// Files of a container directory that both sides know.
inline std::filesystem::path socket_path(const std::filesystem::path& dir) { return dir / "shim.sock"; }
inline std::filesystem::path config_path(const std::filesystem::path& dir) { return dir / "shim.json"; }
inline std::filesystem::path mounts_path(const std::filesystem::path& dir) { return dir / "mounts"; }  // the runtime's alone
inline constexpr const char* kRootName = "rootfs";                                                     // in there
inline std::filesystem::path pid_path(const std::filesystem::path& dir) { return dir / "init.pid"; }
// Leads to the container's user namespace while the OCI runtime runs, if that namespace is made for it.
inline std::filesystem::path user_namespace_path(const std::filesystem::path& dir) { return dir / "userns"; }
inline std::filesystem::path exits_path(const std::filesystem::path& dir) { return dir / "exits"; }  // one file a process

}  // namespace concourse::protocol::shim
