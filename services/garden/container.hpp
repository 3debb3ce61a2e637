// One container, as Garden knows it: what it was made from, its properties, its address, and the way to its shim.
#pragma once

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>

#include "services/garden/container_spec.hpp"
#include "services/garden/network/network.hpp"
#include "services/garden/properties.hpp"
#include "services/garden/shim_client.hpp"

namespace concourse::garden {

class Container {
 public:
  // Of a spec that was accepted; writes spec.json and properties.json.
  static std::shared_ptr<Container> create(std::filesystem::path dir, ContainerSpec spec, ContainerAddress address);
  // Of a directory that is there already. Throws Error for a damaged record, or one of a newer version.
  static std::shared_ptr<Container> load(std::filesystem::path dir);

  const std::string& handle() const { return spec_.handle; }
  const std::filesystem::path& dir() const { return dir_; }
  const ContainerSpec& spec() const { return spec_; }
  ContainerAddress address() const { return address_; }
  Properties& properties() { return *properties_; }
  ShimClient shim() const { return ShimClient(dir_); }

  std::int64_t grace_time_ns() const { return grace_time_ns_; }
  void set_grace_time(std::int64_t ns);  // kept in the record; 0 for ever

  std::atomic<bool> destroying = false;

 private:
  Container(std::filesystem::path dir, ContainerSpec spec, ContainerAddress address)
      : dir_(std::move(dir)), spec_(std::move(spec)), address_(address), grace_time_ns_(spec_.grace_time_ns) {}
  void save() const;

  const std::filesystem::path dir_;
  const ContainerSpec spec_;
  const ContainerAddress address_;
  std::atomic<std::int64_t> grace_time_ns_;
  std::unique_ptr<Properties> properties_;
};

}  // namespace concourse::garden
