#include "services/baggageclaim/disk_watch.hpp"

#include <sys/stat.h>
#include <sys/statvfs.h>

#include <chrono>
#include <cstdio>
#include <optional>
#include <set>

#include "common/base/error.hpp"
#include "common/daemon/log.hpp"

namespace concourse::baggageclaim {

namespace {

constexpr auto kLookEvery = std::chrono::seconds(3);

std::string bytes_text(std::uint64_t bytes) {
  constexpr const char* kNames[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; value >= 1024 && unit + 1 < std::size(kNames); ++unit) value /= 1024;
  char text[32];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.1f %s", value, kNames[unit]);
  return text;
}

// What containers can have: the file system keeps more for root.
std::optional<Room> room_of(const fs::path& directory) {
  struct statvfs disk {};
  if (::statvfs(directory.c_str(), &disk) != 0) return std::nullopt;
  return Room{directory, static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize,
              static_cast<std::uint64_t>(disk.f_blocks) * disk.f_frsize, disk.f_favail, disk.f_files};
}

// The layers may be on another file system, and a btrfs image takes its room from the one it lies on.
std::vector<fs::path> directories_of(const Paths& paths) {
  std::vector<fs::path> directories;
  std::set<dev_t> devices;
  const auto add = [&](const fs::path& directory) {
    struct stat status {};
    if (::stat(directory.c_str(), &status) == 0 && devices.insert(status.st_dev).second) directories.push_back(directory);
  };
  add(paths.volumes());
  if (!paths.overlays().empty()) add(paths.overlays());
  if (fs::exists(paths.image())) add(paths.image().parent_path());
  return directories;
}

// What is wrong with the room by one mark; empty for nothing.
std::string lacks(const Room& room, const config::DiskMark& mark, const std::string& name) {
  const auto where = " are free on '" + room.directory.string() + "', and the " + name + " mark is ";
  if (const auto least = mark.of_bytes(room.bytes); room.free_bytes < least)
    return bytes_text(room.free_bytes) + " of " + bytes_text(room.bytes) + where + bytes_text(least);
  if (const auto least = mark.of_inodes(room.inodes); room.free_inodes < least)
    return std::to_string(room.free_inodes) + " of " + std::to_string(room.inodes) + " inodes" + where + std::to_string(least);
  return "";
}

}  // namespace

std::string_view word_of(DiskState state) { return state == DiskState::ok ? "ok" : state == DiskState::low ? "low" : "full"; }

DiskVerdict judge(const Room& room, const DiskMarks& marks) {
  if (auto why = lacks(room, marks.hard, "hard"); !why.empty()) return {DiskState::full, std::move(why)};
  if (auto why = lacks(room, marks.soft, "soft"); !why.empty()) return {DiskState::low, std::move(why)};
  return {};
}

DiskWatch::DiskWatch(const Paths& paths, const DiskMarks& marks)
    : directories_(directories_of(paths)), marks_(marks), reserve_(paths.reserve()) {
  look();
  thread_ = std::thread([this] { run(); });
}

DiskWatch::~DiskWatch() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  thread_.join();
}

DiskVerdict DiskWatch::worst() const {
  DiskVerdict worst;
  for (const auto& directory : directories_)
    if (const auto room = room_of(directory))
      if (auto verdict = judge(*room, marks_); verdict.state > worst.state) worst = std::move(verdict);
  return worst;
}

void DiskWatch::check() const {
  const auto verdict = worst();
  if (verdict.state != DiskState::full) return;
  throw Error(ErrorKind::exhausted, "this worker's disk is full: " + verdict.why +
                                        "; let other volumes go, enlarge the disk, or lower --baggageclaim-disk-hard-free");
}

Json DiskWatch::status() const {
  const auto room = directories_.empty() ? std::nullopt : room_of(directories_.front());
  if (!room) return nullptr;
  const auto marks = [&](const config::DiskMark& mark) {
    return Json{{"bytes", mark.of_bytes(room->bytes)}, {"inodes", mark.of_inodes(room->inodes)}};
  };
  const auto verdict = worst();
  Json status{{"free_bytes", room->free_bytes}, {"bytes", room->bytes},       {"free_inodes", room->free_inodes},
              {"inodes", room->inodes},         {"soft", marks(marks_.soft)}, {"hard", marks(marks_.hard)},
              {"state", word_of(verdict.state)}};
  if (!verdict.why.empty()) status["why"] = verdict.why;
  return status;
}

void DiskWatch::look() {
  const auto verdict = worst();
  if (verdict.state != told_) {
    if (verdict.state == DiskState::full) log::warn("disk is full: no volumes are made", {{"why", verdict.why}});
    else if (verdict.state == DiskState::low) log::warn("disk is low", {{"why", verdict.why}});
    else log::info("disk has room again", {});
  }
  told_ = verdict.state;
  if (directories_.empty() || verdict.state == DiskState::full) return;
  if (const auto room = room_of(directories_.front()))
    reserve_.refill(room->free_bytes, room->inodes > 0 ? room->free_inodes : SIZE_MAX);
}

void DiskWatch::run() {
  std::unique_lock lock(mutex_);
  while (!changed_.wait_for(lock, kLookEvery, [this] { return stopping_; })) {
    lock.unlock();
    look();
    lock.lock();
  }
}

}  // namespace concourse::baggageclaim
