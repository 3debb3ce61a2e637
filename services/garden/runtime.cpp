#include "services/garden/runtime.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "common/base/error.hpp"
#include "common/base/strings.hpp"
#include "common/daemon/log.hpp"
#include "common/encoding/base64.hpp"
#include "common/host/kernel.hpp"
#include "common/os/file.hpp"
#include "common/os/process.hpp"
#include "services/garden/cgroup_move.hpp"
#include "services/garden/cgroup_parent.hpp"
#include "services/garden/probe.hpp"
#include "services/garden/spec/id_map.hpp"
#include "services/garden/spec/seccomp_program.hpp"

namespace concourse::garden {

namespace {

namespace fs = std::filesystem;

constexpr const char* kSearchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

std::string find_program(const std::string& name, const std::string& first_directory) {
  if (name.find('/') != std::string::npos) return ::access(name.c_str(), X_OK) == 0 ? fs::absolute(name).string() : "";
  for (const auto& directory : split(first_directory + ":" + kSearchPath, ':')) {
    const auto path = fs::path(directory) / name;
    if (::access(path.c_str(), X_OK) == 0) return path.string();
  }
  return "";
}

// A container keeps the init it was made with, whatever an upgrade puts in its place, and no container can write to the
// installed one.
fs::path keep_init(const Options& options) {
  const auto installed = fs::path(options.programs) / "concourse-init";
  struct stat st {};
  if (::stat(installed.c_str(), &st) != 0) throw SysError("find '" + installed.string() + "'");
  const auto content = os::read_existing_file(installed);
  auto kept = options.paths.inits() / std::to_string(std::hash<std::string>{}(content));
  if (os::read_file(kept).value_or("") != content) {
    os::make_directories(options.paths.inits());
    os::write_file_durably(kept, content, 0555);
  }
  return kept;
}

// What is below is reached by root and the root of unprivileged containers, whose way to its /etc/hosts that is. No link is
// followed: the runtime directory is the beacon's as well.
void guard_root(const Options& options, const Machine& machine) {
  const auto root = options.paths.root();
  os::make_directories(root);
  const auto wrong = os::guard_directory(os::open_file(root, O_RDONLY | O_DIRECTORY | O_NOFOLLOW), 0710, machine.highest_gid);
  if (!wrong.empty()) log::info("closed to other users", {{"path", root.string()}, {"before", wrong}});
}

bool is_crun(const std::string& program) { return fs::path(program).filename().string().find("crun") != std::string::npos; }

std::vector<std::string> global_flags(const std::string& program, const Paths& paths) {
  std::vector<std::string> flags = {"--root", paths.oci().string()};
  if (is_crun(program)) flags.emplace_back("--cgroup-manager=cgroupfs");  // runc's default
  return flags;
}

}  // namespace

Runtime Runtime::discover(const Options& options) {
  Runtime r;
  r.shim = options.programs + "/concourse-shim";
  r.nstar = options.programs + "/concourse-nstar";
  if (::access(r.shim.c_str(), X_OK) != 0) throw SysError("find '" + r.shim + "'");
  r.machine = Machine::discover();
  r.machine.privileged_mode = options.privileged_mode;
  r.machine.owned_user_namespaces = options.namespace_owners.has_value();
  r.machine.init = keep_init(options);
  const auto own_cgroups = os::read_file("/proc/self/cgroup").value_or("");
  r.machine.cgroup_parent = cgroup_parent(options.paths.worker_id(), r.machine.unified_cgroups, own_cgroups);
  r.own_cgroup_procs = garden::own_cgroup_procs(own_cgroups);

  guard_root(options, r.machine);
  for (const auto& dir : {options.paths.work_dir, options.paths.runtime_dir}) check_reachable(dir, r.machine.highest_gid);

  const bool chosen = !options.oci_runtime.empty();
  std::vector<std::string> problems;
  for (const auto& name : chosen ? std::vector<std::string>{options.oci_runtime} : std::vector<std::string>{"crun", "runc"}) {
    r.program = find_program(name, options.programs);
    if (r.program.empty()) {
      problems.push_back(name + " is not installed");
      continue;
    }
    // runc is a copy of ten times the size, for less.
    r.sealed = is_crun(r.program) ? std::make_shared<const SealedProgram>(r.program) : nullptr;
    r.flags = global_flags(r.program, options.paths);
    r.state_dir = options.paths.oci();
    r.machine.seccomp_annotation = is_crun(r.program) ? base64_encode(seccomp_program(r.machine.seccomp)) : "";
    try {
      probe(options, r);
      log::info("OCI runtime chosen", {{"path", r.program}, {"passed_over", problems}, {"cgroups", r.machine.cgroup_parent}});
      return r;
    } catch (const Error& e) {
      problems.emplace_back(e.what());
    }
  }
  // A kernel without them fails in ways of its own in each runtime.
  if (const auto namespaces = host::user_namespaces(); namespaces.verdict != host::Verdict::ok)
    throw Error(ErrorKind::unavailable, "no container can be made: " + namespaces.text() + " (" + join(problems, "; ") + ")");
  throw Error(ErrorKind::unavailable, "no container can be made: " + join(problems, "; ") +
                                          (chosen ? " (--oci-runtime)" : ". Install crun or runc, or name one with --oci-runtime"));
}

protocol::shim::Config Runtime::shim_config(const ContainerSpec& spec, std::uint32_t namespace_owner, Duration create_limit) const {
  protocol::shim::Config config;
  config.handle = spec.handle;
  config.oci_runtime = program;
  config.oci_runtime_flags = flags;
  config.oci_state = state_dir / spec.handle;
  config.owner = owner_of(spec, machine).uid;
  config.namespace_owner = namespace_owner;
  config.uid_map = id_map_text(machine.highest_uid);
  config.gid_map = id_map_text(machine.highest_gid);
  config.environment = spec.env;
  config.cgroup = machine.cgroup_parent + "/" + spec.handle;
  config.unified_cgroups = machine.unified_cgroups;
  config.memory_limit = spec.limits.memory_bytes;
  config.create_limit_ms = std::chrono::duration_cast<std::chrono::milliseconds>(create_limit).count();
  return config;
}

os::Cgroup Runtime::cgroup(const std::string& handle) const {
  return {machine.unified_cgroups, machine.cgroup_parent + "/" + handle};
}

void Runtime::remove(const std::string& handle, Deadline deadline) const {
  std::vector<std::string> argv = {program};
  argv.insert(argv.end(), flags.begin(), flags.end());
  argv.insert(argv.end(), {"delete", "--force", "--", handle});
  const auto result = os::run_program(argv, deadline);
  if (result.status.code != 0) log::debug("OCI runtime delete", {{"handle", handle}, {"output", trim(result.output)}});
  cgroup(handle).remove(deadline);
}

void Runtime::remove_cgroup_parents() const {
  for (const auto& entry : os::list_directory("/sys/fs/cgroup"))
    ::rmdir(("/sys/fs/cgroup/" + entry + machine.cgroup_parent).c_str());
  ::rmdir(("/sys/fs/cgroup" + machine.cgroup_parent).c_str());
}

}  // namespace concourse::garden
