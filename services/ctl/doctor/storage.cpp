#include <sys/statfs.h>
#include <sys/statvfs.h>

#include "common/base/error.hpp"
#include "common/base/strings.hpp"
#include "common/daemon/control.hpp"
#include "common/os/file.hpp"
#include "common/protocol/paths.hpp"
#include "services/ctl/doctor/checks.hpp"

namespace concourse::ctl::doctor {

namespace {

namespace fs = std::filesystem;

constexpr double kFewLeft = 0.10, kNoneLeft = 0.02;  // shares
constexpr long kOverlay = 0x794c7630, kTmpfs = 0x01021994, kNfs = 0x6969;

// What BaggageClaim says; null when it doesn't run.
Json ask_baggageclaim(const fs::path& runtime_dir) {
  try {
    return daemon::ask(protocol::control_socket(runtime_dir, "baggageclaim"), {{"command", "status"}},
                       Deadline::in(std::chrono::seconds(2)));
  } catch (const Error&) {
    return nullptr;
  }
}

// What BaggageClaim has found out by trying, if it runs; else what can be guessed.
Finding driver(const Json& status) {
  if (status.is_object()) {
    const auto name = string_field(status, "driver"), ids = string_field(status, "ids");
    const auto what = name + (ids.empty() ? "" : "; " + ids);
    if (name == "naive")
      return warning("volumes", what + " (" + string_field(status, "driver_reason") + "): each copy of a volume is a real copy",
                     "give the work directory a file system on which overlays work: ext4, xfs or btrfs");
    return ok("volumes", what);
  }
  if (os::read_file("/proc/filesystems").value_or("").find("\toverlay\n") != std::string::npos)
    return ok("volumes", "the kernel has overlays; BaggageClaim doesn't run to say more");
  return warning("volumes", "overlay isn't loaded, and BaggageClaim doesn't run to say more", "modprobe overlay");
}

Finding file_system(const std::string& path) {
  struct statfs file_system {};
  if (::statfs(path.c_str(), &file_system) != 0)
    return failure("work directory", "'" + path + "' is not there: " + errno_text(errno), "mkdir -p " + path);
  if (file_system.f_type == kOverlay)
    return warning("work directory", "'" + path + "' is on an overlay, which can't hold other overlays",
                   "put it on a disk; in a container, on a volume");
  if (file_system.f_type == kTmpfs) return warning("work directory", "'" + path + "' is in memory", "put it on a disk");
  if (file_system.f_type == kNfs) return failure("work directory", "'" + path + "' is on NFS", "put it on a local disk");
  return ok("work directory", path);
}

std::string gib(double bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f GiB", bytes / (1 << 30));
  return text;
}

}  // namespace

Finding judge_room(const std::string& what, const std::string& path, double free_share, const std::string& free_text) {
  const auto text = free_text + " free of '" + path + "' (" + std::to_string(static_cast<int>(free_share * 100)) + " %)";
  if (free_share < kNoneLeft) return failure(what, text, "make room: concourse-workerctl volumes list shows what is there");
  if (free_share < kFewLeft) return warning(what, text, "make room, or give the work directory a larger disk");
  return ok(what, text);
}

std::optional<Finding> judge_marks(const Json& disk) {
  const auto state = string_field(disk, "state"), why = string_field(disk, "why");
  if (state == "low")
    return warning("disk marks", why + ": garbage is collected at once", "make room, or lower --baggageclaim-disk-soft-free");
  if (state == "full")
    return failure("disk marks", why + ": no volume is made, so builds fail",
                   "make room: concourse-workerctl volumes du shows what takes it; or lower --baggageclaim-disk-hard-free");
  return std::nullopt;
}

Findings check_storage(const fs::path& runtime_dir, const config::Values& settings) {
  const auto status = ask_baggageclaim(runtime_dir);
  Findings findings{driver(status)};
  if (const Json* disk = status.is_object() ? find_field(status, "disk") : nullptr; disk != nullptr && disk->is_object())
    if (auto finding = judge_marks(*disk)) findings.push_back(std::move(*finding));
  const auto& path = settings.text("work-dir");
  if (path.empty()) {
    findings.push_back(failure("work directory", "isn't set", "set CONCOURSE_WORK_DIR"));
    return findings;
  }
  findings.push_back(file_system(path));
  struct statvfs room {};
  if (::statvfs(path.c_str(), &room) != 0 || room.f_blocks == 0) return findings;
  const auto bytes = static_cast<double>(room.f_bavail) * static_cast<double>(room.f_frsize);
  findings.push_back(judge_room("disk", path, static_cast<double>(room.f_bavail) / static_cast<double>(room.f_blocks), gib(bytes)));
  if (room.f_files > 0)  // btrfs counts none
    findings.push_back(judge_room("inodes", path, static_cast<double>(room.f_favail) / static_cast<double>(room.f_files),
                                  std::to_string(room.f_favail)));
  return findings;
}

}  // namespace concourse::ctl::doctor
