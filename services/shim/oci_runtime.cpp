#include "services/shim/oci_runtime.hpp"

#include <fcntl.h>

#include <optional>

#include "common/base/error.hpp"
#include "common/base/strings.hpp"
#include "common/os/cgroup.hpp"
#include "common/os/file.hpp"
#include "common/os/process.hpp"
#include "services/shim/session_keyring.hpp"
#include "services/shim/user_namespace.hpp"

namespace concourse::shim {

namespace {

struct Pipe {
  UniqueFd read_end, write_end;
  Pipe() {
    int fds[2];
    if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) != 0) throw SysError("make a pipe");
    read_end.reset(fds[0]);
    write_end.reset(fds[1]);
  }
};

// runc's lines are time="…" level=error msg="…": the message alone says it.
std::string message_of(std::string line) {
  const auto at = line.find(" msg=\"");
  if (at == std::string::npos) return line;
  line.erase(0, at + 6);
  if (line.ends_with('"')) line.pop_back();
  std::string plain;
  for (std::size_t i = 0; i < line.size(); ++i) plain += line[i] == '\\' && i + 1 < line.size() ? line[++i] : line[i];
  return plain;
}

// The last line of what has been written so far.
std::string last_words(const UniqueFd& pipe) {
  std::string text;
  char buffer[4096];
  for (ssize_t n = 0; (n = ::read(pipe.get(), buffer, sizeof buffer)) > 0;) text.append(buffer, static_cast<std::size_t>(n));
  const auto lines = split(trim(text), '\n');
  return lines.empty() ? "it said nothing" : message_of(lines.back());
}

}  // namespace

std::vector<std::string> OciRuntime::command(std::initializer_list<std::string> words) const {
  std::vector<std::string> argv = {config_.oci_runtime};
  argv.insert(argv.end(), config_.oci_runtime_flags.begin(), config_.oci_runtime_flags.end());
  argv.insert(argv.end(), words);
  return argv;
}

pid_t OciRuntime::run(const UniqueFd& init_socket, const UniqueFd& sealed, Deadline deadline) const {
  // The container's init inherits these for its whole life. Pipes, because runtimes give stdio to the container's root: that
  // must be neither the host's /dev/null nor a file that could be filled. Nobody reads ours to the end.
  const Pipe words;
  Pipe input;
  input.write_end.reset();
  join_session_keyring(/*writable=*/config_.owner == 0);
  auto argv = command({"run", "--detach", "--no-new-keyring", "--bundle", dir_.string(), "--preserve-fds", "1", "--pid-file",
                       protocol::shim::pid_path(dir_).string(), "--", config_.handle});
  std::vector<std::pair<int, int>> fds = {
      {input.read_end.get(), 0}, {words.write_end.get(), 1}, {words.write_end.get(), 2}, {init_socket.get(), 3}};
  if (sealed) {  // the runtime closes it in the container, as everything behind the one to be preserved
    fds.emplace_back(sealed.get(), 4);
    argv[0] = "/proc/self/fd/4";
  }
  UniqueFd user_namespace;
  std::optional<DescriptorLink> way_to_it;
  if (config_.namespace_owner != 0) {
    user_namespace = make_user_namespace(config_.namespace_owner, config_.uid_map, config_.gid_map, deadline);
    way_to_it.emplace(protocol::shim::user_namespace_path(dir_), user_namespace);
  }
  auto child = os::Child::spawn(
      {.argv = argv,
       .env = std::vector<std::string>{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "XDG_RUNTIME_DIR=/run"},
       .fds = fds,
       .working_dir = {}});
  const auto status = child.wait(deadline);
  if (!status)
    throw Error(ErrorKind::timeout, "'" + config_.oci_runtime + " run' took longer than " + deadline.limit() + "; killed");
  if (status->code != 0)
    throw Error(ErrorKind::internal, "'" + config_.oci_runtime + " run' failed: " + last_words(words.read_end));
  const auto pid = parse_u64(trim(os::read_existing_file(protocol::shim::pid_path(dir_), 64)));
  if (!pid) throw Error(ErrorKind::internal, "'" + config_.oci_runtime + "' left no pid");
  return static_cast<pid_t>(*pid);
}

void OciRuntime::remove(Deadline deadline) const {
  const auto result = os::run_program(command({"delete", "--force", "--", config_.handle}), deadline);
  if (result.status.code == 0) return;
  const bool absent =
      result.output.find("does not exist") != std::string::npos || result.output.find("No such file") != std::string::npos;
  if (!absent) throw Error(ErrorKind::internal, "'" + config_.oci_runtime + " delete' failed: " + std::string(trim(result.output)));
}

void OciRuntime::forget(Deadline deadline) const {
  os::Cgroup(config_.unified_cgroups, config_.cgroup).remove(deadline);
  os::remove_tree(config_.oci_state);
}

}  // namespace concourse::shim
