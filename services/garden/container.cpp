#include "services/garden/container.hpp"

#include <ctime>

#include "common/base/error.hpp"
#include "common/os/file.hpp"
#include "services/garden/paths.hpp"

namespace concourse::garden {

namespace {
// Of spec.json. Raised when its meaning changes; a newer one is refused, never misread.
constexpr int kVersion = 1;

// Since the machine's start: a clock that is set doesn't change ages.
std::int64_t boot_clock_ns() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}
}  // namespace

std::shared_ptr<Container> Container::create(std::filesystem::path dir, ContainerSpec spec, ContainerNetwork network,
                                             std::uint32_t namespace_owner) {
  std::shared_ptr<Container> container(new Container(std::move(dir), std::move(spec), std::move(network), namespace_owner));
  container->created_ns_ = boot_clock_ns();
  container->save();
  container->properties_ = std::make_unique<Properties>(properties_path(container->dir_), container->spec_.properties);
  return container;
}

std::shared_ptr<Container> Container::load(std::filesystem::path dir) {
  const Json record = parse_json(os::read_existing_file(spec_path(dir)));
  const auto version = int_field(record, "version");
  if (version > kVersion)
    throw Error(ErrorKind::invalid,
                "'" + dir.string() + "' was written by a newer worker (version " + std::to_string(version) + "): run that one");
  const Json* spec = find_field(record, "spec");
  const auto address = parse_ipv4(string_field(record, "address"));
  const auto ipv6_text = string_field(record, "ipv6");
  const auto ipv6 = parse_ipv6(ipv6_text);
  if (spec == nullptr || !address || (!ipv6 && !ipv6_text.empty()))
    throw Error(ErrorKind::invalid, "'" + spec_path(dir).string() + "' is damaged");
  ContainerNetwork network{string_field(*spec, "handle"), *address, ipv6, bool_field(record, "hermetic"), {}, Json::array()};
  if (const Json* ports = find_field(record, "ports"))
    for (const Json& mapping : *ports) network.ports.push_back(parse_port_mapping(mapping));
  if (const Json* netout = find_field(record, "netout")) network.netout = *netout;
  const auto owner = static_cast<std::uint32_t>(uint_field(record, "namespace_owner"));
  std::shared_ptr<Container> container(new Container(std::move(dir), parse_container_spec(*spec), std::move(network), owner));
  container->grace_time_ns_ = int_field(record, "grace_time");
  container->created_ns_ = int_field(record, "created");
  container->properties_ = std::make_unique<Properties>(properties_path(container->dir_));
  return container;
}

void Container::save() const {
  Json ports = Json::array();
  for (const auto& mapping : network_.ports) ports.push_back(to_json(mapping));
  const Json record = {{"version", kVersion},
                       {"spec", to_json(spec_)},
                       {"address", ipv4_text(network_.address)},
                       {"ipv6", ipv6()},
                       {"hermetic", network_.hermetic},
                       {"namespace_owner", namespace_owner_},
                       {"ports", std::move(ports)},
                       {"netout", network_.netout},
                       {"created", created_ns_},
                       {"grace_time", grace_time_ns_.load()}};
  os::write_file_durably(spec_path(dir_), dump_json(record), 0600);
}

Duration Container::age() const { return Duration(boot_clock_ns() - created_ns_); }

std::vector<std::string> Container::addresses() const {
  std::vector<std::string> all{ipv4_text(address_)};
  if (ipv6_) all.push_back(ipv6());
  return all;
}

ContainerNetwork Container::network() const {
  const std::lock_guard lock(mutex_);
  return network_;
}

void Container::add_port(PortMapping mapping) {
  const std::lock_guard lock(mutex_);
  network_.ports.push_back(mapping);
  save();
}

void Container::add_netout(const Json& rules) {
  const std::lock_guard lock(mutex_);
  for (const Json& rule : rules) network_.netout.push_back(rule);
  save();
}

bool Container::grace_time_over() const {
  if (grace_time_ns_ <= 0 || in_use_ > 0) return false;
  return Clock::now().time_since_epoch().count() - idle_since_ns_ >= grace_time_ns_;
}

std::uint64_t Container::new_oom_kills(std::uint64_t all) {
  auto known = oom_kills_.load();
  while (all > known)
    if (oom_kills_.compare_exchange_weak(known, all)) return all - known;
  return 0;
}

void Container::set_grace_time(std::int64_t ns) {
  const std::lock_guard lock(mutex_);
  grace_time_ns_ = ns;
  save();
}

}  // namespace concourse::garden
