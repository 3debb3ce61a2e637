// What the supervisor, workerctl and the beacon agree on: exit statuses, control commands, the drain mark.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/json.hpp"

namespace concourse::protocol::beacon {

// How the beacon ended, so that whoever started it can tell "it is over" from a crash. Every other status is a failure: start it
// again.
inline constexpr int kExitStopped = 0;   // TERM or INT: the registration was given up in order, the worker will come back
inline constexpr int kExitLanded = 10;   // asked to land, and the web has let us go
inline constexpr int kExitRetired = 11;  // asked to retire or deleted, and the web has let us go
inline constexpr int kExitGone = 12;     // the web ended the registration without being asked by us: pruned, landed or retired by
                                         // somebody else, or an ephemeral worker that had stalled. Starting again registers anew.
inline constexpr int kExitDrainTimeout = 13;  // the drain took longer than --drain-timeout, or than its own deadline

// Commands on the control socket besides the common ones. All answer at once; `status` tells how they go on.
inline constexpr const char* kLand = "land";            // no new work; ends with kExitLanded when the running builds are over
inline constexpr const char* kRetire = "retire";        // the same, and the worker leaves the cluster: kExitRetired
inline constexpr const char* kDelete = "delete";        // leaves the cluster at once, whatever runs: kExitRetired
inline constexpr const char* kResume = "resume";        // takes land or retire back
inline constexpr const char* kReconnect = "reconnect";  // cuts the connection and makes another
inline constexpr const char* kRebalance = "rebalance";  // moves to another connection, make before break

// Of land and retire: the drain ends so many seconds from now at the latest, whatever --drain-timeout says. A later one counts
// instead. Whole, at least 1; absent: as it was.
inline constexpr const char* kDeadlineSeconds = "deadline_seconds";
std::optional<std::int64_t> deadline_seconds(const Json& question);  // throws Error(invalid)

// For a planned restart, make before break. `hand-over`: another beacon takes the control socket and the worker from here on; the
// one that is asked goes on with its registration. When the other has registered, which it says to its manager with
// kRegisteredNotice, SIGHUP tells the first that it is needed no more: it ends when the last of its open connections has.
inline constexpr const char* kHandOver = "hand-over";
inline constexpr const char* kRegisteredNotice = "X_CONCOURSE_REGISTERED=1";
// The same without a supervisor: the beacon itself starts its successor (services/beacon/succession.hpp).
inline constexpr const char* kReplace = "replace";

// The file in which a drain is remembered, so that neither a beacon that is started again nor a new supervisor undoes it or gives
// it more time. The beacon writes it and removes it when the drain has ended or was taken back; whoever starts a worker afresh
// (rather than taking over a running one) removes it before.
inline std::filesystem::path drain_mark(const std::filesystem::path& runtime_dir) { return runtime_dir / "beacon-drain"; }

// Its content: two lines, the state and when the drain began; a third if it has a deadline of its own. Later versions may add
// lines.
struct DrainMark {
  std::string state;                       // "landing" or "retiring"
  std::int64_t since = 0;                  // seconds_since_boot()
  std::optional<std::int64_t> limit = {};  // seconds from `since`; nothing: --drain-timeout counts
};
std::string to_text(const DrainMark& mark);
std::optional<DrainMark> parse_drain_mark(std::string_view text);  // nothing for what isn't one

// A clock that goes on during suspend and that every process of this machine has in common.
std::int64_t seconds_since_boot();

}  // namespace concourse::protocol::beacon
