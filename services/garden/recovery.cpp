// What a starting Garden finds: containers whose shims live and go on, remains of others, remains of an earlier boot.
#include <unistd.h>

#include "common/base/error.hpp"
#include "common/base/strings.hpp"
#include "common/daemon/log.hpp"
#include "common/os/file.hpp"
#include "services/garden/container_store.hpp"
#include "services/garden/paths.hpp"

namespace concourse::garden {

namespace {

std::string current_boot() { return std::string(trim(os::read_existing_file("/proc/sys/kernel/random/boot_id", 256))); }

}  // namespace

// Nothing of a container survives a reboot. Where the runtime directory does (it is no tmpfs), its records must not.
void ContainerStore::forget_earlier_boot() {
  const auto boot = current_boot();
  const auto recorded = os::read_file(options_.paths.boot_id(), 256);
  if (recorded && *recorded != boot) {
    const auto handles = os::list_directory(options_.paths.containers());
    log::info("the machine was restarted: its containers are gone", {{"containers", static_cast<std::uint64_t>(handles.size())}});
    for (const auto& handle : handles) clear_away(handle);
    os::remove_tree(options_.paths.oci());
  }
  os::make_directories(options_.paths.containers(), 0711);
  os::make_directories(options_.paths.oci(), 0700);
  os::replace_file(options_.paths.boot_id(), boot);
}

void ContainerStore::recover() {
  forget_earlier_boot();
  std::vector<ContainerNetwork> living;
  for (const auto& handle : os::list_directory(options_.paths.containers())) {
    if (auto container = recover_one(handle)) {
      living.push_back(container->network());
      owners_.restore(container->namespace_owner());
      events_.follow(handle, container->dir());
      containers_[handle] = std::move(container);
    }
  }
  network_.start(living);
  log::info("containers found again", {{"count", static_cast<std::uint64_t>(containers_.size())}});
}

void ContainerStore::leave() {
  if (size() > 0) return;
  network_.stop();
  runtime_.remove_cgroup_parents();
}

// The container, if it is complete and its shim answers. Anything else is removed.
std::shared_ptr<Container> ContainerStore::recover_one(const std::string& handle) {
  const auto dir = options_.paths.container(handle);
  std::string why = "it was never completed";
  try {
    if (::access(created_path(dir).c_str(), F_OK) == 0) {
      auto container = Container::load(dir);
      container->shim().status(Deadline::in(std::chrono::seconds(10)));
      container->new_oom_kills(runtime_.cgroup(handle).oom_kills());  // those of an earlier Garden's time
      return container;
    }
  } catch (const std::exception& e) {
    why = e.what();
  }
  log::warn("removing what is left of a container", {{"handle", handle}, {"reason", why}});
  clear_away(handle);
  return nullptr;
}

// One bad record never stops the start; the next start tries again.
void ContainerStore::clear_away(const std::string& handle) {
  try {
    remove_remains(handle);
  } catch (const std::exception& e) {
    log::error("could not remove it, ignoring", {{"handle", handle}, {"error", e.what()}});
  }
}

}  // namespace concourse::garden
