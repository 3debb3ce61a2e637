#include "services/garden/container_store.hpp"

#include <future>

#include "common/base/scope_exit.hpp"
#include "common/base/strings.hpp"
#include "common/daemon/log.hpp"
#include "common/os/file.hpp"
#include "common/protocol/shim.hpp"
#include "services/garden/beside.hpp"
#include "services/garden/cgroup_move.hpp"
#include "services/garden/disk/disk_limit.hpp"
#include "services/garden/errors.hpp"
#include "services/garden/host_findings.hpp"
#include "services/garden/mounts/container_mounts.hpp"
#include "services/garden/paths.hpp"

namespace concourse::garden {

namespace {

Error failed_step(const std::string& name, const std::exception& cause) {
  const auto* error = dynamic_cast<const Error*>(&cause);
  return error != nullptr ? with_context(name, *error) : Error(ErrorKind::internal, name + ": " + cause.what());
}

// Runs one step of a longer job; its error begins with the step's name.
template <typename F>
auto step(const char* name, F work) {
  try {
    return work();
  } catch (const std::exception& e) {
    throw failed_step(name, e);
  }
}

// One of several steps of an undoing: that it fails must not keep the others from being done.
template <typename F>
void undo_step(const std::string& handle, const char* name, F work) {
  try {
    work();
  } catch (const std::exception& e) {
    log::error("something of a container is left", {{"handle", handle}, {"step", name}, {"error", e.what()}});
  }
}

std::int64_t milliseconds_since(Clock::time_point start) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start).count();
}

}  // namespace

ContainerStore::ContainerStore(const Options& options, const Runtime& runtime, Network& network, dns::NameService& names,
                               ShimEvents& events)
    : options_(options), runtime_(runtime), network_(network), names_(names), events_(events), owners_(options.namespace_owners) {}

void ContainerStore::reserve(const std::string& handle) {
  const std::lock_guard lock(mutex_);
  if (containers_.contains(handle)) throw Error(ErrorKind::conflict, "handle '" + handle + "' already exists");
  if (options_.max_containers != 0 && containers_.size() >= options_.max_containers)
    throw Error(ErrorKind::exhausted, "max containers reached");
  containers_[handle] = nullptr;
}

void ContainerStore::release(const std::string& handle) {
  const std::lock_guard lock(mutex_);
  containers_.erase(handle);
}

std::string ContainerStore::create(ContainerSpec spec) {
  const auto start = Clock::now();
  auto handle = spec.handle;
  check_limits(spec.limits);
  reserve(handle);
  ScopeExit forget([&] { release(handle); });
  ContainerMounts mounts(options_.paths, spec, owner_of(spec, runtime_.machine));
  const auto owner = is_fully_privileged(spec, runtime_.machine) ? 0 : owners_.take();
  ScopeExit give_back_owner([&] { owners_.give_back(owner); });
  std::future<void> move;
  if (runtime_.own_cgroup_procs) move = begin_cgroup_move(*runtime_.own_cgroup_procs);

  auto network = step("network", [&] { return network_.reserve(handle, spec.network, spec.hermetic); });
  const auto deadline = options_.request_timeout.deadline();
  const auto dir = options_.paths.container(handle);
  std::shared_ptr<Container> container;
  try {
    step("record", [&] {
      os::make_directories(dir, 0711);  // the container's root must be able to reach mounts/
      os::make_directories(protocol::shim::mounts_path(dir));
      container = Container::create(dir, std::move(spec), network, owner);
    });
    build(*container, mounts, deadline);
    step("record", [&] { os::replace_file(created_path(dir), ""); });
  } catch (const std::exception& e) {
    undo_step(handle, "remains", [&] { remove_remains(handle); });
    if (container != nullptr) {
      undo_step(handle, "disk limit", [&] { lift_disk_limit(options_.paths, container->spec()); });
      network = container->network();
    }
    undo_step(handle, "network", [&] {
      network_.disconnect(network);
      network_.give_back(network);  // else nobody else gets the address
    });
    creations_.failed(e.what());
    throw failed_step("create container", e);
  }
  creations_.made();
  {
    const std::lock_guard lock(mutex_);
    containers_[handle] = container;
  }
  forget.dismiss();
  give_back_owner.dismiss();
  log::info("container created",
            {{"handle", handle}, {"privileged", container->spec().privileged}, {"ms", milliseconds_since(start)}});
  events_.follow(handle, dir);
  return handle;
}

void ContainerStore::build(Container& container, ContainerMounts& mounts, Deadline deadline) {
  const auto& spec = container.spec();
  const auto& dir = container.dir();
  step("files", [&] {
    mounts.add_file("hosts", hosts_text(hostname_of(spec.handle), container.addresses(), options_.etc));
    mounts.add_file("hostname", hostname_of(spec.handle) + "\n");
    mounts.add_file("resolv.conf", names_.resolv_conf(spec.hermetic));
    const auto bundle = oci_spec(spec, runtime_.machine, dir, mounts.runtime_mounts(dir));
    os::replace_file(bundle_path(dir), dump_json(bundle), 0600);
    auto config = runtime_.shim_config(spec, container.namespace_owner(), options_.request_timeout.duration);
    config.mounts = mounts.list();
    os::replace_file(protocol::shim::config_path(dir), dump_json(protocol::shim::to_json(config)), 0600);
  });
  step("disk limit", [&] { hold_disk_limit(spec, mounts.volume(), deadline); });
  const auto started =
      step("start", [&] { return container.shim().start(runtime_.shim, runtime_.sealed_fd(), mounts.descriptors(), deadline); });
  step("network", [&] {
    network_.connect(container.network(), started.network.get());
    for (const auto& mapping : spec.netin) container.add_port(network_.map_port(container.address(), mapping));
  });
}

void ContainerStore::destroy(const std::string& handle) {
  const auto start = Clock::now();
  const auto container = find(handle);
  if (!container->life().begin_end()) throw Error(ErrorKind::conflict, "container already being destroyed");
  ScopeExit give_up([&] { container->life().end_failed(); });
  count_oom_kills(*container);  // what its cgroup tells is gone with it
  tear_down(*container, options_.request_timeout.deadline());
  lift_disk_limit(options_.paths, container->spec());
  network_.give_back(container->network());
  owners_.give_back(container->namespace_owner());
  events_.forget(handle);
  give_up.dismiss();  // from now on it isn't there
  release(handle);
  log::info("container destroyed", {{"handle", handle}, {"ms", milliseconds_since(start)}});
}

void ContainerStore::tear_down(const Container& container, Deadline deadline) {
  bool by_force = false;
  events_.end_expected(container.handle());
  // Before its network namespace ends, and beside it: the kernel takes namespaces down under the same lock, ten milliseconds long.
  auto network = beside([&] { network_.disconnect(container.network()); });
  try {
    events_.told(container.handle(), container.shim().destroy(deadline));
  } catch (const std::exception& e) {
    // No shim, or one that can't: then by force, so that a destroy always ends.
    log::warn("the shim did not destroy its container, using force", {{"handle", container.handle()}, {"error", e.what()}});
    by_force = true;
  }
  // The shim ends by itself, when its clients have read the last of their streams or a while later.
  if (!by_force) unmount_etc_directory(etc_path(container.dir()));
  step("network", [&] { network.get(); });
  if (by_force) return remove_remains(container.handle());
  os::remove_tree(container.dir());
}

// Whatever there is of a container: its shim (and with it its processes), the OCI runtime's record, its cgroup, its directory.
void ContainerStore::remove_remains(const std::string& handle) {
  const auto dir = options_.paths.container(handle);
  const auto deadline = Deadline::in(std::chrono::minutes(1));
  const ShimClient shim(dir);
  shim.kill(deadline);
  shim.kill_runtime(deadline);
  runtime_.remove(handle, deadline);
  os::remove_tree(options_.paths.oci() / handle);
  unmount_etc_directory(etc_path(dir));
  os::remove_tree(dir);
}

PortMapping ContainerStore::net_in(const std::string& handle, PortMapping wanted) {
  const auto container = find(handle);
  const auto change = container->life().change();
  const auto mapping = network_.map_port(container->address(), wanted);
  container->add_port(mapping);
  return mapping;
}

void ContainerStore::net_out(const std::string& handle, const Json& rules) {
  const auto container = find(handle);
  const auto change = container->life().change();
  network_.allow(container->network(), rules);
  container->add_netout(rules);
}

std::shared_ptr<Container> ContainerStore::find(const std::string& handle) const {
  const std::lock_guard lock(mutex_);
  const auto found = containers_.find(handle);
  if (found == containers_.end() || found->second == nullptr) throw TypedError::container_not_found(handle);
  return found->second;
}

std::vector<std::string> ContainerStore::list(const PropertyMap& filter) const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> handles;
  for (const auto& [handle, container] : containers_)
    if (container != nullptr && container->properties().match(filter)) handles.push_back(handle);
  return handles;
}

std::vector<std::string> ContainerStore::expired() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> handles;
  for (const auto& [handle, container] : containers_)
    if (container != nullptr && !container->life().ending() && container->grace_time_over()) handles.push_back(handle);
  return handles;
}

Json ContainerStore::load() {
  std::vector<std::shared_ptr<Container>> containers;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [handle, container] : containers_)
      if (container != nullptr) containers.push_back(container);
  }
  std::uint64_t tasks = 0;
  for (const auto& container : containers) {
    count_oom_kills(*container);
    try {
      tasks += runtime_.cgroup(container->handle()).pids_current();
    } catch (const std::exception&) {  // it is being destroyed
    }
  }
  return {{"tasks", tasks}, {"oom_kills", oom_kills_.load()}};
}

void ContainerStore::count_oom_kills(Container& container) {
  try {
    oom_kills_ += container.new_oom_kills(runtime_.cgroup(container.handle()).oom_kills());
  } catch (const std::exception&) {  // a cgroup that can't be read tells nothing, and is no reason to fail
  }
}

std::size_t ContainerStore::size() const {
  const std::lock_guard lock(mutex_);
  return containers_.size();
}

}  // namespace concourse::garden
