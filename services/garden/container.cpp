#include "services/garden/container.hpp"

#include "common/base/error.hpp"
#include "common/os/file.hpp"
#include "services/garden/paths.hpp"

namespace concourse::garden {

namespace {
// Of spec.json. Raised when its meaning changes; a newer one is refused, never misread.
constexpr int kVersion = 1;
}  // namespace

std::shared_ptr<Container> Container::create(std::filesystem::path dir, ContainerSpec spec, ContainerAddress address) {
  std::shared_ptr<Container> container(new Container(std::move(dir), std::move(spec), address));
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
  if (spec == nullptr || !address) throw Error(ErrorKind::invalid, "'" + spec_path(dir).string() + "' is damaged");
  std::shared_ptr<Container> container(
      new Container(std::move(dir), parse_container_spec(*spec), {*address, bool_field(record, "hermetic")}));
  container->grace_time_ns_ = int_field(record, "grace_time");
  container->properties_ = std::make_unique<Properties>(properties_path(container->dir_));
  return container;
}

void Container::save() const {
  const Json record = {{"version", kVersion},
                       {"spec", to_json(spec_)},
                       {"address", ipv4_text(address_.address)},
                       {"hermetic", address_.hermetic},
                       {"grace_time", grace_time_ns_.load()}};
  os::write_file_durably(spec_path(dir_), dump_json(record), 0600);
}

void Container::set_grace_time(std::int64_t ns) {
  grace_time_ns_ = ns;
  save();
}

}  // namespace concourse::garden
