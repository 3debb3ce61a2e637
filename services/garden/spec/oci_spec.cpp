#include "services/garden/spec/oci_spec.hpp"

#include <unistd.h>

#include <algorithm>

#include "common/os/file.hpp"
#include "common/protocol/shim.hpp"
#include "services/garden/spec/capabilities.hpp"
#include "services/garden/spec/devices.hpp"
#include "services/garden/spec/id_map.hpp"
#include "services/garden/spec/seccomp.hpp"
#include "services/garden/spec/seccomp_program.hpp"

namespace concourse::garden {

namespace {

Json mount(const std::string& destination, const char* type, const std::string& source, std::vector<std::string> options) {
  return {{"destination", destination}, {"type", type}, {"source", source}, {"options", std::move(options)}};
}

Json bind_mount(const std::string& source, const std::string& destination, bool writable) {
  return mount(destination, "bind", source, {"bind", writable ? "rw" : "ro"});
}

Json mounts(const ContainerSpec& spec, const Machine& machine, const std::vector<RuntimeMount>& more) {
  const char* access = is_fully_privileged(spec, machine) ? "rw" : "ro";
  Json list = Json::array({
      mount("/proc", "proc", "proc", {"nosuid", "noexec", "nodev"}),
      mount("/dev", "tmpfs", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"}),
      mount("/dev/pts", "devpts", "devpts", {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}),
      mount("/dev/shm", "tmpfs", "shm", {"nosuid", "noexec", "nodev", "mode=1777"}),
      mount("/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"}),
      mount("/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", access}),
      mount("/sys/fs/cgroup", machine.unified_cgroups ? "cgroup2" : "cgroup", "cgroup", {access, "nosuid", "noexec", "nodev"}),
      bind_mount(machine.init.string(), kInitPath, false),
  });
  for (const auto& m : more) list.push_back(bind_mount(m.source, m.destination, m.writable));
  return list;
}

// Asked for, and not ignored.
bool is_privileged_at_all(const ContainerSpec& spec, const Machine& machine) {
  return spec.privileged && machine.privileged_mode != PrivilegedMode::ignore;
}

Json resources(const ContainerSpec& spec, const Machine& machine) {
  Json r = {{"devices", device_rules(is_privileged_at_all(spec, machine))}};
  const auto shares = spec.limits.cpu_weight != 0 ? spec.limits.cpu_weight : spec.limits.cpu_shares;
  if (shares != 0) r["cpu"] = {{"shares", shares}};
  const auto int64 = [](std::uint64_t value) { return std::min<std::uint64_t>(value, INT64_MAX); };  // as OCI's numbers are
  if (spec.limits.memory_bytes != 0) {
    r["memory"] = {{"limit", int64(spec.limits.memory_bytes)}};
    // OCI's number is memory and swap together: no swap beyond the limit.
    if (machine.swap_accounting) r["memory"]["swap"] = int64(spec.limits.memory_bytes);
  }
  if (spec.limits.pids != 0) r["pids"] = {{"limit", int64(spec.limits.pids)}};
  return r;
}

std::vector<std::string> capabilities(const ContainerSpec& spec, const Machine& machine) {
  if (is_fully_privileged(spec, machine)) return machine.all_capabilities;
  auto list = base_capabilities();
  if (spec.privileged && machine.privileged_mode == PrivilegedMode::fuse_only) list.emplace_back("CAP_SYS_ADMIN");
  return list;
}

// Neither privileged in any way nor with a limit on its disk: what nearly all containers have, and the one profile that is made
// ready.
bool has_ordinary_seccomp(const ContainerSpec& spec, const Machine& machine) {
  return !is_fully_privileged(spec, machine) && machine.privileged_mode != PrivilegedMode::fuse_only && spec.limits.disk_bytes == 0;
}

Json linux_part(const ContainerSpec& spec, const Machine& machine, const std::filesystem::path& dir) {
  const bool full = is_fully_privileged(spec, machine);
  const bool fuse = machine.privileged_mode == PrivilegedMode::fuse_only;
  Json namespaces = Json::array();
  for (const char* type : {"pid", "ipc", "uts", "mount", "network"}) namespaces.push_back({{"type", type}});
  Json part = {{"cgroupsPath", machine.cgroup_parent + "/" + spec.handle}, {"resources", resources(spec, machine)}};
  if (is_privileged_at_all(spec, machine)) part["devices"] = Json::array({fuse_device()});
  if (!full) {
    namespaces.push_back({{"type", "user"}});
    if (machine.owned_user_namespaces) namespaces.back()["path"] = protocol::shim::user_namespace_path(dir).string();
    if (machine.cgroup_namespace) namespaces.push_back({{"type", "cgroup"}});
    part["uidMappings"] = id_mappings(machine.highest_uid);
    part["gidMappings"] = id_mappings(machine.highest_gid);
    part["seccomp"] = fuse ? machine.fuse_seccomp : machine.seccomp;
    if (spec.limits.disk_bytes != 0) part["seccomp"] = without_subvolumes(std::move(part["seccomp"]));
    // A masked proc can't be mounted again in a nested user namespace, which is what the fuse mode is for.
    if (!fuse)
      part["maskedPaths"] = {
          "/proc/acpi",        "/proc/asound",     "/proc/kcore",       "/proc/keys", "/proc/latency_stats",
          "/proc/sched_debug", "/proc/timer_list", "/proc/timer_stats", "/proc/scsi", "/sys/devices/virtual/powercap",
          "/sys/firmware"};
  }
  part["namespaces"] = std::move(namespaces);
  return part;
}

bool exists(const char* path) { return ::access(path, F_OK) == 0; }

}  // namespace

Machine Machine::discover() {
  Machine m;
  m.highest_uid = highest_id("/proc/self/uid_map");
  m.highest_gid = highest_id("/proc/self/gid_map");
  m.all_capabilities = capabilities_in(own_bounding_set());
  m.unified_cgroups = exists("/sys/fs/cgroup/cgroup.controllers");
  m.cgroup_namespace = exists("/proc/self/ns/cgroup");
  m.swap_accounting = m.unified_cgroups || exists("/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes");
  m.seccomp = default_seccomp();
  m.fuse_seccomp = garden::fuse_seccomp();
  return m;
}

bool is_fully_privileged(const ContainerSpec& spec, const Machine& machine) {
  return spec.privileged && machine.privileged_mode == PrivilegedMode::full;
}

Owner owner_of(const ContainerSpec& spec, const Machine& machine) {
  return is_fully_privileged(spec, machine) ? Owner{} : Owner{machine.highest_uid, machine.highest_gid};
}

std::string hostname_of(const std::string& handle) { return handle.size() <= 63 ? handle : handle.substr(handle.size() - 49); }

Json oci_spec(const ContainerSpec& spec, const Machine& machine, const std::filesystem::path& dir,
              const std::vector<RuntimeMount>& more) {
  const auto caps = capabilities(spec, machine);
  Json config = {{"ociVersion", "1.0.2"},
                 {"hostname", hostname_of(spec.handle)},
                 {"root", {{"path", (protocol::shim::mounts_path(dir) / protocol::shim::kRootName).string()}, {"readonly", false}}},
                 {"mounts", mounts(spec, machine, more)},
                 {"process",
                  {{"terminal", false},
                   {"user", {{"uid", 0}, {"gid", 0}}},
                   {"args", {kInitPath}},
                   {"env", Json::array()},
                   {"cwd", "/"},
                   {"oomScoreAdj", 0},
                   // Nothing inheritable or ambient: a process that isn't root has none of these.
                   {"capabilities",
                    {{"bounding", caps},
                     {"effective", caps},
                     {"permitted", caps},
                     {"inheritable", Json::array()},
                     {"ambient", Json::array()}}}}},
                 {"linux", linux_part(spec, machine, dir)}};
  if (!machine.seccomp_annotation.empty() && has_ordinary_seccomp(spec, machine))
    config["annotations"] = {{kSeccompAnnotation, machine.seccomp_annotation}};
  return config;
}

}  // namespace concourse::garden
