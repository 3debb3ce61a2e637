#include "services/baggageclaim/options.hpp"

#include <algorithm>

#include "common/base/error.hpp"
#include "common/config/groups.hpp"
#include "common/protocol/paths.hpp"

namespace concourse::baggageclaim {

namespace {

using config::Type;

constexpr std::string_view kConvertCommand = "convert-to-go";

// The peer's bare flags: ours less the prefix, and those that have no effect in a worker.
config::Group bare_group() {
  constexpr std::string_view kPrefix = "baggageclaim-";
  config::Group group = config::baggageclaim_group();
  group.title = "Baggageclaim";
  for (auto& option : group.options) {
    option.name.remove_prefix(kPrefix.size());
    if (option.name == "log-level" || option.name == "volumes" || option.name == "overlays-dir") option.instead = "";
    if (option.name == "log-level") option.help = "Minimum level of logs to see.";
    if (option.name == "volumes") option.help = "Directory in which to place volume data.";
    if (option.name == "overlays-dir") option.help = "Path to directory in which to store overlay data.";
    if (option.name == "bind-ip")
      option.help =
          "IP address on which to listen for API traffic; one that isn't loopback offers what peers need (see --bind-full-api).";
    if (option.name == "bind-port") option.help = "Port on which to listen for API traffic.";
    if (option.name.starts_with("debug-bind")) option.instead = "ask the server by its control socket";
  }
  group.options.push_back(
      {.name = "log-format",
       .type = Type::choice,
       .value = "json",
       .help = "Form of a log line; auto is text on a terminal, journal when stdout leads there, and json elsewhere.",
       .choices = {"auto", "json", "text", "journal"}});
  group.options.push_back({.name = "control-socket", .help = "Path of the control socket; <volumes>/control.sock if not given."});
  return group;
}

bool is_service(const std::vector<std::string>& arguments, const config::Environment& environment) {
  const auto given = [&](std::string_view name) {
    return std::any_of(arguments.begin(), arguments.end(), [&](const std::string& word) {
      return word == "--" + std::string(name) || word.starts_with("--" + std::string(name) + "=");
    });
  };
  const bool prefixed =
      std::any_of(arguments.begin(), arguments.end(), [](const std::string& word) { return word.starts_with("--baggageclaim-"); });
  return given("work-dir") || given("runtime-dir") || prefixed || (environment.contains("CONCOURSE_WORK_DIR") && !given("volumes"));
}

std::shared_ptr<const re2::RE2> interface_pattern(const std::string& text) {
  auto pattern = std::make_shared<const re2::RE2>(text, re2::RE2::Quiet);
  if (!pattern->ok())
    throw Error(ErrorKind::usage, "p2p-interface-name-pattern '" + text + "' is not a regular expression: " + pattern->error());
  return pattern;
}

std::uint64_t at_least_one(const config::Values& values, const std::string& name) {
  const auto value = values.integer(name);
  if (value < 1) throw Error(ErrorKind::usage, "flag --" + name + ": '" + std::to_string(value) + "' is not at least 1");
  return static_cast<std::uint64_t>(value);
}

// What both command lines have under the same names, but for the prefix.
void read_common(Options& options, const std::string& prefix) {
  const auto& values = options.values;
  options.driver.name = values.text(prefix + "driver");
  options.driver.btrfs_bin = values.text(prefix + "btrfs-bin");
  options.driver.mkfs_bin = values.text(prefix + "mkfs-bin");
  options.driver.durable_overlays = values.flag(prefix + "durable-overlays");
  options.driver.id_mapped_mounts = !values.flag(prefix + "disable-id-mapped-mounts");
  options.user_namespaces = !values.flag(prefix + "disable-user-namespaces");
  options.p2p.interface_name = interface_pattern(values.text(prefix + "p2p-interface-name-pattern"));
  options.p2p.family = static_cast<int>(values.text(prefix + "p2p-interface-family") == "6" ? 6 : 4);
  options.p2p.port = values.port(prefix + "bind-port");
  options.full_api = values.flag(prefix + "bind-full-api");
  options.limits.entries = at_least_one(values, prefix + "stream-max-entries");
  options.limits.bytes = at_least_one(values, prefix + "stream-max-mib") << 20;
  options.limits.ratio = at_least_one(values, prefix + "stream-max-ratio");
  options.marks.soft = config::parse_disk_mark(values.text(prefix + "disk-soft-free"));
  options.marks.hard = config::parse_disk_mark(values.text(prefix + "disk-hard-free"));
}

Options parse_service(const std::vector<std::string>& arguments, const config::Environment& environment) {
  Options options;
  options.values = config::parse(service_program(), arguments, environment);
  const auto& values = options.values;
  const fs::path work_dir = values.text("work-dir"), runtime_dir = values.text("runtime-dir");
  options.paths = Paths(work_dir / "volumes", work_dir / "overlays");
  options.socket = protocol::baggageclaim_socket(runtime_dir);
  options.control_socket = protocol::control_socket(runtime_dir, "baggageclaim");
  options.garden_control = protocol::control_socket(runtime_dir, "garden");
  read_common(options, "baggageclaim-");
  options.privileged_is_host_root = values.text("containerd-privileged-mode") == "full";
  if (values.given("baggageclaim-bind-ip") || values.given("baggageclaim-bind-port"))
    options.tcp = TcpAddress{values.text("baggageclaim-bind-ip"), values.port("baggageclaim-bind-port")};
  return options;
}

Options parse_standalone(const std::vector<std::string>& arguments) {
  Options options;
  options.standalone = true;
  options.values = config::parse(standalone_program(), arguments, {});
  const auto& values = options.values;
  // The peer's words and exit status: its own test suite looks for them.
  if (values.text("volumes").empty()) throw Error(ErrorKind::invalid, "the required flag `--volumes' was not specified");
  options.paths = Paths(values.text("volumes"), values.text("overlays-dir"));
  const auto& control = values.text("control-socket");
  options.control_socket = control.empty() ? options.paths.volumes() / "control.sock" : fs::path(control);
  read_common(options, "");
  options.tcp = TcpAddress{values.text("bind-ip"), values.port("bind-port")};
  return options;
}

}  // namespace

config::Program service_program() {
  return {.name = "concourse-baggageclaim",
          .summary =
              "Keeps the volumes of a Concourse worker. With --volumes instead of --work-dir it runs stand-alone: see "
              "--volumes=DIR --help.",
          .groups = config::baggageclaim_groups(),
          .example =
              "  concourse-baggageclaim --work-dir /var/lib/concourse --baggageclaim-driver overlay\n"
              "  concourse-baggageclaim convert-to-go --work-dir /var/lib/concourse    before going back to the Go worker"};
}

config::Program standalone_program() {
  return {.name = "concourse-baggageclaim",
          .summary =
              "Keeps volumes and serves them over TCP, as the Go program baggageclaim does. With --work-dir instead of --volumes "
              "it is a "
              "worker's service: see --work-dir=DIR --help.",
          .groups = {bare_group()},
          .example = "  concourse-baggageclaim --volumes /tmp/volumes --driver overlay --overlays-dir /tmp/overlays"};
}

Options parse_options(const std::vector<std::string>& arguments, const config::Environment& environment) {
  auto flags = arguments;
  const bool convert = !flags.empty() && flags.front() == kConvertCommand;
  if (convert) flags.erase(flags.begin());
  auto options = is_service(flags, environment) ? parse_service(flags, environment) : parse_standalone(flags);
  options.convert = convert;
  return options;
}

}  // namespace concourse::baggageclaim
