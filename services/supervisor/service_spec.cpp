#include "services/supervisor/service_spec.hpp"

#include <algorithm>

#include "common/config/groups.hpp"
#include "common/protocol/paths.hpp"

namespace concourse::supervisor {

namespace {

// With kDeleteLimit (drain.cpp) the limits add up to less than the 15 s that start-stop-daemon's usual TERM/15/KILL leaves. None
// of them costs a build: containers and their streams are the shims', and the web attaches again.
constexpr auto kBeaconStop = std::chrono::seconds(4);
constexpr auto kServerStop = std::chrono::seconds(3);
constexpr auto kHealthcheckStop = std::chrono::seconds(1);

// Nothing of ours has a meaning for a service: its settings come as arguments. The sanitizers' options are for developers.
constexpr const char* kPassedOn[] = {"PATH",         "LANG",         "LC_ALL",       "TZ",
                                     "ASAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS"};

constexpr const char* kUsualPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

// Garden knows the options of every runtime, but takes those of the one it runs.
std::vector<config::Group> garden_groups_for(const std::string& runtime) {
  auto groups = config::garden_groups();
  if (runtime != "containerd") std::erase_if(groups, [](const auto& group) { return group.title.starts_with("Containerd"); });
  return groups;
}

class Builder {
 public:
  Builder(const config::Values& values, std::filesystem::path programs, const config::Environment& environment)
      : values_(values), programs_(std::move(programs)), runtime_dir_(values.text("runtime-dir")) {
    for (const auto* name : kPassedOn)
      if (const auto found = environment.find(name); found != environment.end())
        base_.push_back(found->first + "=" + found->second);
    // What is installed beside us goes before what the machine has.
    const auto path = environment.find("PATH");
    std::erase_if(base_, [](const auto& variable) { return variable.starts_with("PATH="); });
    base_.push_back("PATH=" + programs_.string() + ":" + (path != environment.end() ? path->second : kUsualPath));
    base_.push_back("NOTIFY_SOCKET=" + protocol::notify_socket(runtime_dir_).string());
  }

  ServiceSpec build(const std::string& name, const std::vector<config::Group>& groups, Duration stop_limit) const {
    ServiceSpec spec;
    spec.name = name;
    spec.command = values_.to_arguments(groups);
    spec.command.insert(spec.command.begin(), programs_ / ("concourse-" + name));
    spec.environment = base_;
    for (auto& variable : values_.to_environment(groups)) spec.environment.push_back(std::move(variable));
    spec.listeners.push_back({"control", protocol::control_socket(runtime_dir_, name), {}});
    spec.stop_limit = stop_limit;
    return spec;
  }

  // A TCP listener whose address is `<prefix>bind-ip` and `<prefix>bind-port`.
  ListenerSpec tcp(const std::string& name, const std::string& prefix) const {
    return {name, {}, {values_.text(prefix + "bind-ip"), values_.port(prefix + "bind-port"), "--" + prefix + "bind-port"}};
  }
  // Whether the operator asked for it.
  bool wants_tcp(const std::string& prefix) const {
    return values_.given(prefix + "bind-ip") || values_.given(prefix + "bind-port");
  }

  std::filesystem::path runtime_dir() const { return runtime_dir_; }

 private:
  const config::Values& values_;
  std::filesystem::path programs_, runtime_dir_;
  std::vector<std::string> base_;
};

}  // namespace

std::vector<ServiceSpec> service_specs(const config::Values& values, const std::filesystem::path& programs,
                                       const config::Environment& environment) {
  const Builder builder(values, programs, environment);
  std::vector<ServiceSpec> specs;

  const bool own_garden = values.text("external-garden-url").empty();
  if (own_garden) {
    auto garden = builder.build("garden", garden_groups_for(values.text("runtime")), kServerStop);
    garden.listeners.push_back({"garden", protocol::garden_socket(builder.runtime_dir()), {}});
    if (builder.wants_tcp("")) garden.listeners.push_back(builder.tcp("garden-tcp", ""));
    specs.push_back(std::move(garden));
  }

  auto baggageclaim = builder.build("baggageclaim", config::baggageclaim_groups(), kServerStop);
  baggageclaim.listeners.push_back({"baggageclaim", protocol::baggageclaim_socket(builder.runtime_dir()), {}});
  if (builder.wants_tcp("baggageclaim-")) baggageclaim.listeners.push_back(builder.tcp("baggageclaim-tcp", "baggageclaim-"));
  specs.push_back(std::move(baggageclaim));

  auto healthcheck = builder.build("healthcheck", config::healthcheck_groups(), kHealthcheckStop);
  healthcheck.listeners.push_back(builder.tcp("healthcheck", "healthcheck-"));
  specs.push_back(std::move(healthcheck));

  // Registered before the others can answer, a worker gets work and fails it.
  auto beacon = builder.build("beacon", config::beacon_groups(), kBeaconStop);
  beacon.needs = {"baggageclaim"};
  if (own_garden) beacon.needs.push_back("garden");
  specs.push_back(std::move(beacon));
  return specs;
}

std::vector<std::string> settings_in(const std::vector<std::string>& environment) {
  std::vector<std::string> settings;
  for (const auto& variable : environment) {
    const auto name = variable.substr(0, variable.find('='));
    const bool passed_on = std::find(std::begin(kPassedOn), std::end(kPassedOn), name) != std::end(kPassedOn);
    if (!passed_on && !name.starts_with("LISTEN_")) settings.push_back(variable);
  }
  std::sort(settings.begin(), settings.end());
  return settings;
}

std::vector<std::string> stop_order() { return {"beacon", "garden", "baggageclaim", "healthcheck"}; }

}  // namespace concourse::supervisor
