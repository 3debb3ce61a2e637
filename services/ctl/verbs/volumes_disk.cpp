// What volumes lie on each other, and what they take of the disk. Both look at the volumes' directories
// (services/baggageclaim/paths.hpp): BaggageClaim tells where they are.
#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <map>
#include <set>

#include "common/base/error.hpp"
#include "common/base/strings.hpp"
#include "common/protocol/paths.hpp"
#include "services/ctl/api.hpp"
#include "services/ctl/table.hpp"
#include "services/ctl/verb.hpp"

namespace concourse::ctl {

namespace {

namespace fs = std::filesystem;

// Handle to the volume's directory, …/volumes/live/<handle>.
std::map<std::string, fs::path> directories(const Call& call) {
  std::map<std::string, fs::path> all;
  const auto volumes = Api("BaggageClaim", protocol::baggageclaim_socket(call.runtime_dir)).get("/volumes");
  for (const auto& volume : volumes) all[string_field(volume, "handle")] = fs::path(string_field(volume, "path")).parent_path();
  return all;
}

std::string parent_of(const fs::path& directory) {
  std::error_code none;
  return fs::read_symlink(directory / "parent", none).filename().string();
}

int tree(const Call& call) {
  const auto all = directories(call);
  std::map<std::string, std::vector<std::string>> children;
  for (const auto& [handle, directory] : all) {
    const auto parent = parent_of(directory);
    children[all.contains(parent) ? parent : ""].push_back(handle);
  }
  const std::function<void(const std::string&, const std::string&)> print = [&](const std::string& of, const std::string& indent) {
    const auto& list = children[of];
    for (std::size_t i = 0; i < list.size(); ++i) {
      const bool last = i + 1 == list.size(), top = of.empty();
      std::printf("%s%s%s\n", indent.c_str(), top ? "" : last ? "└─ " : "├─ ", list[i].c_str());
      print(list[i], indent + (top ? "" : last ? "   " : "│  "));
    }
  };
  print("", "");
  return 0;
}

struct Usage {
  std::uint64_t bytes = 0, files = 0;
};

// Of this file system only, a file with several names once. What goes away meanwhile is left out.
Usage usage_of(const fs::path& top) {
  Usage usage;
  struct stat at {};
  if (::lstat(top.c_str(), &at) != 0) return usage;
  const auto device = at.st_dev;
  std::set<ino_t> seen;
  std::error_code error;
  for (fs::recursive_directory_iterator entry(top, fs::directory_options::skip_permission_denied, error), end;
       !error && entry != end; entry.increment(error)) {
    if (::lstat(entry->path().c_str(), &at) != 0) continue;
    if (at.st_dev != device) {
      entry.disable_recursion_pending();
      continue;
    }
    if (at.st_nlink > 1 && !S_ISDIR(at.st_mode) && !seen.insert(at.st_ino).second) continue;
    usage.bytes += static_cast<std::uint64_t>(at.st_blocks) * 512;
    ++usage.files;
  }
  return usage;
}

// Its layer, where the driver keeps one; mounts over the volume's own directory aren't counted.
Usage usage_of_volume(const std::string& handle, const fs::path& directory) {
  const auto layer = directory.parent_path().parent_path().parent_path() / "overlays" / handle;
  std::error_code none;
  auto usage = usage_of(directory);
  if (fs::exists(layer, none)) {
    const auto more = usage_of(layer);
    usage.bytes += more.bytes, usage.files += more.files;
  }
  return usage;
}

std::string readable(std::uint64_t bytes) {
  static constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; value >= 1024 && unit < 4; ++unit) value /= 1024;
  char text[32];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.1f %s", value, kUnits[unit]);
  return text;
}

int du(const Call& call) {
  std::vector<std::pair<std::string, Usage>> all;
  Usage sum;
  for (const auto& [handle, directory] : directories(call)) {
    all.emplace_back(handle, usage_of_volume(handle, directory));
    sum.bytes += all.back().second.bytes, sum.files += all.back().second.files;
  }
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.second.bytes > b.second.bytes; });
  std::vector<std::vector<std::string>> rows{{"HANDLE", "SIZE", "FILES"}};
  for (const auto& [handle, usage] : all) rows.push_back({handle, readable(usage.bytes), std::to_string(usage.files)});
  rows.push_back({"all", readable(sum.bytes), std::to_string(sum.files)});
  std::fputs(table(rows).c_str(), stdout);
  return 0;
}

}  // namespace

std::vector<Verb> volume_disk_verbs() {
  return {{"volumes tree", {}, "Which volumes are copies of which.", {}, "concourse-workerctl volumes tree", tree},
          {"volumes du",
           {},
           "What each volume itself takes of the disk, the largest first.",
           {},
           "concourse-workerctl volumes du",
           du}};
}

}  // namespace concourse::ctl
