#include "services/ctl/logs/source.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <deque>
#include <optional>

#include "common/base/error.hpp"
#include "common/base/unique_fd.hpp"
#include "common/daemon/control.hpp"
#include "common/os/file.hpp"
#include "common/os/process.hpp"
#include "common/protocol/paths.hpp"
#include "services/ctl/logs/line.hpp"
#include "services/ctl/worker_view.hpp"

namespace concourse::ctl {

namespace {

namespace fs = std::filesystem;
using OnLine = std::function<void(const std::string&)>;

// Hands out whole lines of what is read from `fd`, until its end.
void read_lines(int fd, std::string& rest, const OnLine& on_line) {
  char block[65536];
  while (true) {
    const auto got = ::read(fd, block, sizeof block);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw SysError("read the log");
    if (got == 0) return;
    rest.append(block, static_cast<std::size_t>(got));
    std::size_t start = 0;
    for (auto end = rest.find('\n'); end != std::string::npos; start = end + 1, end = rest.find('\n', start))
      on_line(rest.substr(start, end - start));
    rest.erase(0, start);
  }
}

std::optional<fs::path> supervisors_output(const fs::path& runtime_dir, std::string& why) {
  try {
    const auto status = daemon::ask(protocol::control_socket(runtime_dir, "supervisor"), {{"command", "status"}},
                                    Deadline::in(std::chrono::seconds(2)));
    const fs::path output = "/proc/" + std::to_string(int_field(status, "pid")) + "/fd/1";
    struct stat file {};
    if (::stat(output.c_str(), &file) == 0 && S_ISREG(file.st_mode)) return output;
    std::error_code ignored;
    why = "the supervisor writes to " + fs::read_symlink(output, ignored).string() + ", which can't be read again";
  } catch (const Error&) {
    why = "no supervisor runs here, and no unit of the worker is known to systemd";
  }
  return std::nullopt;
}

bool is_wanted(const LogWanted& wanted, const std::string& text) {
  if (wanted.services.empty()) return true;
  const auto line = parse_log_line(text);
  return line && std::find(wanted.services.begin(), wanted.services.end(), line->source) != wanted.services.end();
}

void read_log_file(const fs::path& path, const LogWanted& wanted, const OnLine& on_line) {
  const auto file = os::open_file(path, O_RDONLY);
  // Watched before it is read, so that nothing that comes meanwhile is missed.
  const UniqueFd watch(wanted.follow ? ::inotify_init1(IN_CLOEXEC) : -1);
  if (wanted.follow && ::inotify_add_watch(watch.get(), path.c_str(), IN_MODIFY) < 0)
    throw SysError("watch '" + path.string() + "'");
  std::string rest;
  std::deque<std::string> kept;
  read_lines(file.get(), rest, [&](const std::string& line) {
    if (!is_wanted(wanted, line)) return;
    kept.push_back(line);
    if (wanted.last > 0 && kept.size() > wanted.last) kept.pop_front();
  });
  for (const auto& line : kept) on_line(line);
  char events[4096];
  while (wanted.follow && ::read(watch.get(), events, sizeof events) > 0)
    read_lines(file.get(), rest, [&](const std::string& line) {
      if (is_wanted(wanted, line)) on_line(line);
    });
}

bool systemd_knows_the_worker() {
  if (!fs::exists("/run/systemd/system")) return false;
  try {
    const auto shown = os::run_program({"systemctl", "show", "--value", "-p", "LoadState", "concourse-worker.target"},
                                       Deadline::in(std::chrono::seconds(10)));
    return shown.status.code == 0 && shown.output.starts_with("loaded");
  } catch (const Error&) {
    return false;
  }
}

void read_journal(const LogWanted& wanted, const OnLine& on_line) {
  std::vector<std::string> argv{"journalctl", "--no-pager", "-q", "-o", "cat"};
  auto services = wanted.services;
  if (services.empty()) {
    services.assign(std::begin(kServices), std::end(kServices));
    services.insert(services.end(), {"worker-check", "worker-drain"});
  }
  for (const auto& service : services) argv.insert(argv.end(), {"-u", "concourse-" + service + ".service"});
  if (wanted.last > 0) argv.insert(argv.end(), {"-n", std::to_string(wanted.last)});
  if (wanted.follow) argv.emplace_back("-f");
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw SysError("make a pipe");
  const UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  auto child = os::Child::spawn({.argv = argv, .fds = {{write_end.get(), 1}}});
  write_end.reset();
  std::string rest;
  read_lines(read_end.get(), rest, on_line);
  const auto status = child.wait(Deadline::in(std::chrono::seconds(10)));
  if (!status || status->code != 0)
    throw Error(ErrorKind::unavailable, "journalctl failed; see what it says: journalctl -u concourse-garden");
}

}  // namespace

void read_log(const fs::path& runtime_dir, const LogWanted& wanted, const OnLine& on_line) {
  if (!wanted.file.empty()) return read_log_file(wanted.file, wanted, on_line);
  std::string why;
  if (const auto output = supervisors_output(runtime_dir, why)) return read_log_file(*output, wanted, on_line);
  if (systemd_knows_the_worker()) return read_journal(wanted, on_line);
  throw Error(ErrorKind::unavailable, why + "; name the file that holds the worker's log with --file");
}

}  // namespace concourse::ctl
