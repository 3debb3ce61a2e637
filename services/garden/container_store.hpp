// All containers of this worker. Creating, destroying and finding again; everything else is the container's own business.
//
// Thread-safe. A handle is reserved from the first moment of its creation to the last of its destruction, so that operations on
// one handle are in order while different handles go on side by side. A container is listed from its completion until it is
// gone: a half-made one is nobody's.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "services/garden/container.hpp"
#include "services/garden/create_record.hpp"
#include "services/garden/dns/name_service.hpp"
#include "services/garden/options.hpp"
#include "services/garden/runtime.hpp"
#include "services/garden/shim_events.hpp"

namespace concourse::garden {

class ContainerStore {
 public:
  // All five outlive it.
  ContainerStore(const Options& options, const Runtime& runtime, Network& network, dns::NameService& names, ShimEvents& events);

  // Finds the containers that live, ends and removes what is left of the others. Before anything else; not thread-safe.
  void recover();

  // At our own end: when no container is left, neither are the rules and cgroups that were made for them.
  void leave();

  // Throws Error: exhausted ("max containers reached"), conflict (the handle is in use), or what went wrong at which step; then
  // nothing of it is left.
  std::string create(ContainerSpec spec);
  // Throws TypedError for an unknown handle, Error(conflict) when it is being destroyed already.
  void destroy(const std::string& handle);

  // Net-in and net-out of a living container; kept in its record. Throws Error(conflict) when it is being destroyed.
  PortMapping net_in(const std::string& handle, PortMapping wanted);
  void net_out(const std::string& handle, const Json& rules);

  // Throws TypedError(ContainerNotFoundError).
  std::shared_ptr<Container> find(const std::string& handle) const;
  std::vector<std::string> list(const PropertyMap& filter) const;
  std::size_t size() const;
  Json creations() const { return creations_.status(); }
  // {"tasks", "oom_kills"}: processes and threads that are in containers, and how many the kernel has killed there for memory
  // since this Garden's start. Reads two small files for each container.
  Json load();
  // Those whose grace time is over, as far as Garden knows: their shims know of attached clients.
  std::vector<std::string> expired() const;

 private:
  void reserve(const std::string& handle);
  void release(const std::string& handle);
  void build(Container& container, ContainerMounts& mounts, Deadline deadline);
  void count_oom_kills(Container& container);
  void tear_down(const Container& container, Deadline deadline);
  void forget_earlier_boot();
  std::shared_ptr<Container> recover_one(const std::string& handle);
  void remove_remains(const std::string& handle);
  void clear_away(const std::string& handle);  // as far as it can be

  const Options& options_;
  const Runtime& runtime_;
  Network& network_;
  dns::NameService& names_;
  ShimEvents& events_;
  mutable std::mutex mutex_;  // guards containers_; a null container is one in the making
  std::map<std::string, std::shared_ptr<Container>> containers_;
  NamespaceOwners owners_;
  CreateRecord creations_;
  std::atomic<std::uint64_t> oom_kills_ = 0;
};

}  // namespace concourse::garden
