#include "services/garden/probe.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include "common/base/error.hpp"
#include "common/base/scope_exit.hpp"
#include "common/base/strings.hpp"
#include "common/daemon/log.hpp"
#include "common/os/file.hpp"
#include "services/garden/runtime.hpp"
#include "services/garden/shim_client.hpp"

namespace concourse::garden {

namespace {
constexpr auto kLimit = std::chrono::seconds(30);
}

void check_reachable(const std::filesystem::path& dir, std::uint32_t group) {
  std::filesystem::path at;
  for (const auto& part : dir) {
    at /= part;
    struct stat st {};
    if (::stat(at.c_str(), &st) == 0 && (st.st_mode & (st.st_gid == group ? S_IXGRP : S_IXOTH)) == 0)
      throw Error(ErrorKind::usage, "unprivileged containers can't reach '" + dir.string() + "', because '" + at.string() +
                                        "' lets nobody else through: chmod o+x '" + at.string() + "'");
  }
}

void probe(const Options& options, const Runtime& runtime) {
  ContainerSpec spec;
  spec.handle = "probe-" + random_hex(4);
  spec.rootfs = options.paths.probe_rootfs().string();
  os::make_directories(spec.rootfs);
  const auto owner = owner_of(spec, runtime.machine);
  if (::chown(spec.rootfs.c_str(), owner.uid, owner.gid) != 0) throw SysError("give '" + spec.rootfs + "' away");
  // Not among the containers: a Garden that is killed here must not find it again.
  const auto dir = options.paths.root() / spec.handle;
  os::make_directories(protocol::shim::mounts_path(dir));
  ScopeExit clean([&] {
    try {
      ShimClient(dir).kill(Deadline::in(kLimit));
      runtime.remove(spec.handle, Deadline::in(kLimit));
      runtime.remove_cgroup_parents();
      os::remove_tree(dir);
    } catch (const Error& e) {
      log::warn("remains of the container that was tried", {{"handle", spec.handle}, {"error", e.what()}});
    }
  });
  const ContainerMounts mounts(options.paths, spec, owner);
  os::replace_file(bundle_path(dir), dump_json(oci_spec(spec, runtime.machine, dir, mounts.runtime_mounts(dir))));
  auto config = runtime.shim_config(spec, NamespaceOwners(options.namespace_owners).for_probe(), kLimit);
  config.mounts = mounts.list();
  os::replace_file(protocol::shim::config_path(dir), dump_json(protocol::shim::to_json(config)));
  const ShimClient shim(dir);
  shim.start(runtime.shim, runtime.sealed_fd(), mounts.descriptors(), Deadline::in(kLimit));
  shim.destroy(Deadline::in(kLimit));
}

}  // namespace concourse::garden
