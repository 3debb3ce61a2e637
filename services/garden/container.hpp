// One container, as Garden knows it: what it was made from, its properties, its address, and the way to its shim.
#pragma once

#include <atomic>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "services/garden/container_spec.hpp"
#include "services/garden/lifetime.hpp"
#include "services/garden/network/network.hpp"
#include "services/garden/properties.hpp"
#include "services/garden/shim_client.hpp"

namespace concourse::garden {

class Container {
 public:
  // Of a spec that was accepted; writes spec.json and properties.json.
  static std::shared_ptr<Container> create(std::filesystem::path dir, ContainerSpec spec, ContainerNetwork network,
                                           std::uint32_t namespace_owner);
  // Of a directory that is there already. Throws Error for a damaged record, or one of a newer version.
  static std::shared_ptr<Container> load(std::filesystem::path dir);

  const std::string& handle() const { return spec_.handle; }
  const std::filesystem::path& dir() const { return dir_; }
  const ContainerSpec& spec() const { return spec_; }
  std::uint32_t namespace_owner() const { return namespace_owner_; }  // namespace_owners.hpp; 0: root
  Duration age() const;

  ContainerNetwork network() const;
  std::uint32_t address() const { return address_; }
  std::string ipv6() const { return ipv6_ ? ipv6_->text() : ""; }  // empty if it has none
  std::vector<std::string> addresses() const;                      // all, as text
  // Kept in the record, even when that can't be written: they are in force, and are undone with the container.
  void add_port(PortMapping mapping);
  void add_netout(const Json& rules);
  Properties& properties() { return *properties_; }
  ShimClient shim() const { return ShimClient(dir_); }

  std::int64_t grace_time_ns() const { return grace_time_ns_; }
  void set_grace_time(std::int64_t ns);  // kept in the record; 0 for ever

  // A request under way. The grace time runs from the end of the last one.
  class InUse {
   public:
    explicit InUse(std::shared_ptr<Container> container) : container_(std::move(container)) { ++container_->in_use_; }
    InUse(const InUse&) = delete;
    InUse& operator=(const InUse&) = delete;
    ~InUse() {
      container_->use_ended();
      --container_->in_use_;
    }

   private:
    const std::shared_ptr<Container> container_;
  };
  void use_ended() { idle_since_ns_ = Clock::now().time_since_epoch().count(); }
  bool grace_time_over() const;

  // How many of the `all` kills for memory that the kernel has counted here no earlier call was told of. Thread-safe.
  std::uint64_t new_oom_kills(std::uint64_t all);

  Lifetime& life() { return life_; }

 private:
  Container(std::filesystem::path dir, ContainerSpec spec, ContainerNetwork network, std::uint32_t namespace_owner)
      : dir_(std::move(dir)),
        spec_(std::move(spec)),
        namespace_owner_(namespace_owner),
        address_(network.address),
        ipv6_(network.ipv6),
        network_(std::move(network)),
        grace_time_ns_(spec_.grace_time_ns) {}
  void save() const;  // under mutex_

  const std::filesystem::path dir_;
  const ContainerSpec spec_;
  const std::uint32_t namespace_owner_;
  const std::uint32_t address_;
  const std::optional<Ipv6Address> ipv6_;
  std::int64_t created_ns_ = 0;  // CLOCK_BOOTTIME
  mutable std::mutex mutex_;     // guards network_, and the record on disk
  ContainerNetwork network_;
  std::atomic<std::int64_t> grace_time_ns_;
  std::atomic<int> in_use_ = 0;
  std::atomic<std::int64_t> idle_since_ns_ = Clock::now().time_since_epoch().count();  // Clock
  std::atomic<std::uint64_t> oom_kills_ = 0;
  Lifetime life_;
  std::unique_ptr<Properties> properties_;
};

}  // namespace concourse::garden
