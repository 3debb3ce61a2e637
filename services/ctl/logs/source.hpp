// Where the worker's logs are, and lines out of there.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace concourse::ctl {

struct LogWanted {
  std::vector<std::string> services;  // "garden", "supervisor"…; empty: all
  std::size_t last = 0;               // so many lines at most, the latest; 0: all there are
  bool follow = false;                // go on with what comes, for ever
  std::string file;                   // not empty: from there
};

// Calls `on_line` with each line of the log, oldest first. From the journal if systemd runs here and knows the worker, else from
// the file that the supervisor's standard output goes to. Lines of other programs are among them. Throws Error(unavailable) with
// the remedy when there is neither.
void read_log(const std::filesystem::path& runtime_dir, const LogWanted& wanted,
              const std::function<void(const std::string&)>& on_line);

}  // namespace concourse::ctl
