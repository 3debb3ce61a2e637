#include "services/supervisor/options.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>

#include "common/base/error.hpp"
#include "common/base/strings.hpp"
#include "common/config/parser.hpp"

using namespace concourse;
using namespace concourse::supervisor;

namespace {

struct PeerFlag {
  std::string_view name;
  bool is_boolean;
  std::string_view choices;
  std::string_view value;  // default
};

// What `concourse worker --help` of the peer lists (8.2.4-224).
constexpr PeerFlag kPeerFlags[] = {
    {"name", false, "", ""},
    {"tag", false, "", ""},
    {"team", false, "", ""},
    {"http-proxy", false, "", ""},
    {"https-proxy", false, "", ""},
    {"no-proxy", false, "", ""},
    {"ephemeral", true, "", ""},
    {"max-active-tasks", false, "", ""},
    {"certs-dir", false, "", ""},
    {"work-dir", false, "", ""},
    {"bind-ip", false, "", "127.0.0.1"},
    {"bind-port", false, "", "7777"},
    {"debug-bind-ip", false, "", "127.0.0.1"},
    {"debug-bind-port", false, "", "7776"},
    {"healthcheck-bind-ip", false, "", "0.0.0.0"},
    {"healthcheck-bind-port", false, "", "8888"},
    {"healthcheck-timeout", false, "", "5s"},
    {"sweep-interval", false, "", "30s"},
    {"volume-sweeper-max-in-flight", false, "", "3"},
    {"container-sweeper-max-in-flight", false, "", "5"},
    {"rebalance-interval", false, "", "4h"},
    {"connection-drain-timeout", false, "", "1h"},
    {"external-garden-url", false, "", ""},
    {"resource-types", false, "", ""},
    {"log-level", false, "debug info error fatal", "info"},
    {"tsa-host", false, "", "127.0.0.1:2222"},
    {"tsa-public-key", false, "", ""},
    {"tsa-worker-private-key", false, "", ""},
    {"tracing-service-name", false, "", "concourse-web"},
    {"tracing-attribute", false, "", ""},
    {"tracing-honeycomb-api-key", false, "", ""},
    {"tracing-honeycomb-dataset", false, "", ""},
    {"tracing-jaeger-endpoint", false, "", ""},
    {"tracing-jaeger-tags", false, "", ""},
    {"tracing-jaeger-service", false, "", "web"},
    {"tracing-stackdriver-projectid", false, "", ""},
    {"tracing-otlp-address", false, "", ""},
    {"tracing-otlp-header", false, "", ""},
    {"tracing-otlp-use-tls", true, "", ""},
    {"runtime", false, "guardian containerd houdini", "containerd"},
    {"garden-bin", false, "", ""},
    {"garden-request-timeout", false, "", "5m"},
    {"garden-config", false, "", ""},
    {"garden-dns-proxy-enable", true, "", ""},
    {"garden-network-pool", false, "", ""},
    {"garden-max-containers", false, "", ""},
    {"containerd-config", false, "", ""},
    {"containerd-bin", false, "", ""},
    {"containerd-init-bin", false, "", ""},
    {"containerd-seccomp-profile", false, "", ""},
    {"containerd-oci-hooks-dir", false, "", ""},
    {"containerd-cni-plugins-dir", false, "", ""},
    {"containerd-log-level", false, "trace debug info warn error fatal panic", "info"},
    {"containerd-request-timeout", false, "", "5m"},
    {"containerd-max-containers", false, "", "250"},
    {"containerd-privileged-mode", false, "full fuse-only ignore", "full"},
    {"containerd-allowed-device", false, "", ""},
    {"containerd-external-ip", false, "", ""},
    {"containerd-dns-server", false, "", ""},
    {"containerd-additional-hosts", false, "", ""},
    {"containerd-restricted-network", false, "", ""},
    {"containerd-network-pool", false, "", "10.80.0.0/16"},
    {"containerd-mtu", false, "", ""},
    {"containerd-allow-host-access", true, "", ""},
    {"containerd-dns-proxy-enable", true, "", ""},
    {"containerd-v6-enable", true, "", ""},
    {"containerd-v6-pool", false, "", "fd9c:31a6:c759::/64"},
    {"containerd-v6-disable-masquerade", true, "", ""},
    {"baggageclaim-log-level", false, "debug info error fatal", "info"},
    {"baggageclaim-bind-ip", false, "", "127.0.0.1"},
    {"baggageclaim-bind-port", false, "", "7788"},
    {"baggageclaim-debug-bind-ip", false, "", "127.0.0.1"},
    {"baggageclaim-debug-bind-port", false, "", "7787"},
    {"baggageclaim-p2p-interface-name-pattern", false, "", "eth0"},
    {"baggageclaim-p2p-interface-family", false, "4 6", "4"},
    {"baggageclaim-volumes", false, "", ""},
    {"baggageclaim-driver", false, "detect naive btrfs overlay", "detect"},
    {"baggageclaim-btrfs-bin", false, "", "btrfs"},
    {"baggageclaim-mkfs-bin", false, "", "mkfs.btrfs"},
    {"baggageclaim-overlays-dir", false, "", ""},
    {"baggageclaim-disable-user-namespaces", true, "", ""},
};

// Where our default is another one on purpose (docs/flags.md).
const std::map<std::string_view, std::string_view> kOtherDefaults{
    {"runtime", "guardian"}, {"tracing-service-name", ""}, {"tracing-jaeger-service", ""}};

const config::Option* find(std::string_view name) {
  static const auto program = worker_program();
  for (const auto& group : program.groups)
    for (const auto& option : group.options)
      if (option.name == name) return &option;
  return nullptr;
}

}  // namespace

TEST_CASE("options: every flag of the peer's worker is here, with its default and its words") {
  for (const auto& peer : kPeerFlags) {
    CAPTURE(peer.name);
    const auto* ours = find(peer.name);
    REQUIRE(ours != nullptr);
    CHECK((ours->type == config::Type::boolean) == peer.is_boolean);
    for (const auto& word : split(peer.choices, ' '))
      CHECK(std::find(ours->choices.begin(), ours->choices.end(), word) != ours->choices.end());
    const auto other = kOtherDefaults.find(peer.name);
    const auto wanted = other == kOtherDefaults.end() ? peer.value : other->second;
    if (!wanted.empty() || other != kOtherDefaults.end()) CHECK(ours->value == wanted);
  }
}

TEST_CASE("options: variables are the peer's, those of the proxies in lower case") {
  CHECK(config::variable_of(*find("tsa-worker-private-key")) == "CONCOURSE_TSA_WORKER_PRIVATE_KEY");
  CHECK(config::variable_of(*find("no-proxy")) == "no_proxy");
}

TEST_CASE("options: every default would pass its own check") {
  for (const auto& program : {worker_program(), land_worker_program(), retire_worker_program(), generate_key_program()})
    for (const auto& group : program.groups)
      for (const auto& option : group.options) {
        if (option.value.empty() || option.type == config::Type::boolean) continue;
        CAPTURE(option.name);
        const config::Program single{.name = "x", .summary = "", .groups = {{"g", {option}}}};
        CHECK_NOTHROW(config::parse(single, {"--" + std::string(option.name) + "=" + std::string(option.value)}, {}));
      }
}

TEST_CASE("options: the name is required by land-worker and retire-worker, and has no default there") {
  for (const auto& program : {land_worker_program(), retire_worker_program()})
    CHECK_THROWS_WITH_AS(config::parse(program, {"--tsa-worker-private-key=/dev/null"}, {}),
                         "the required flag --name (or $CONCOURSE_NAME) was not given", Error);
}
