#include "services/supervisor/service_spec.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "services/supervisor/options.hpp"

using namespace concourse;
using namespace concourse::supervisor;

namespace {

const std::vector<std::string> kRequired{"--work-dir=/w", "--tsa-worker-private-key=/dev/null", "--runtime-dir=/r"};

std::vector<ServiceSpec> specs(std::vector<std::string> arguments, const config::Environment& environment = {}) {
  arguments.insert(arguments.end(), kRequired.begin(), kRequired.end());
  return service_specs(config::parse(worker_program(), arguments, environment), "/opt/bin", environment);
}

const ServiceSpec& find(const std::vector<ServiceSpec>& all, const std::string& name) {
  const auto found = std::find_if(all.begin(), all.end(), [&](const auto& spec) { return spec.name == name; });
  REQUIRE(found != all.end());
  return *found;
}

bool has(const std::vector<std::string>& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

std::vector<std::string> listeners(const ServiceSpec& spec) {
  std::vector<std::string> names;
  for (const auto& listener : spec.listeners) names.push_back(listener.name);
  return names;
}

}  // namespace

TEST_CASE("service spec: programs, sockets and order of the usual worker") {
  const auto all = specs({});

  REQUIRE(all.size() == 4);
  CHECK(find(all, "garden").command.at(0) == "/opt/bin/concourse-garden");
  CHECK(find(all, "garden").program() == "concourse-garden");
  CHECK(listeners(find(all, "garden")) == std::vector<std::string>{"control", "garden"});
  CHECK(find(all, "garden").listeners[0].path == "/r/control/garden.sock");
  CHECK(find(all, "garden").listeners[1].path == "/r/garden.sock");
  CHECK(listeners(find(all, "baggageclaim")) == std::vector<std::string>{"control", "baggageclaim"});
  CHECK(listeners(find(all, "beacon")) == std::vector<std::string>{"control"});
  CHECK(find(all, "healthcheck").listeners.at(1).tcp.ip == "0.0.0.0");
  CHECK(find(all, "healthcheck").listeners.at(1).tcp.port == 8888);
  CHECK(find(all, "beacon").needs == std::vector<std::string>{"baggageclaim", "garden"});
  CHECK(find(all, "healthcheck").needs.empty());
}

TEST_CASE("service spec: one of address and port is enough to ask for TCP") {
  const auto by_port = specs({"--bind-port=1", "--baggageclaim-bind-port=2"});
  CHECK(find(by_port, "garden").listeners.at(2).tcp.ip == "127.0.0.1");
  CHECK(find(by_port, "garden").listeners.at(2).tcp.port == 1);
  CHECK(find(by_port, "baggageclaim").listeners.at(2).name == "baggageclaim-tcp");

  const auto by_ip = specs({}, {{"CONCOURSE_BIND_IP", "::"}});
  CHECK(find(by_ip, "garden").listeners.at(2).tcp.ip == "::");
  CHECK(find(by_ip, "garden").listeners.at(2).tcp.port == 7777);
  CHECK(find(by_ip, "garden").listeners.at(2).tcp.flag == "--bind-port");
}

TEST_CASE("service spec: with an external Garden there is none of our own") {
  const auto all = specs({"--external-garden-url=http://g:7777"});
  CHECK(all.size() == 3);
  CHECK(find(all, "beacon").needs == std::vector<std::string>{"baggageclaim"});
}

TEST_CASE("service spec: settings of the environment become arguments, secrets stay in the environment") {
  const auto all = specs({"--http-proxy=http://u:p@h"},
                         {{"CONCOURSE_TAG", "a,b"}, {"https_proxy", "s"}, {"PATH", "/bin"}, {"TZ", "UTC"}, {"HOME", "/h"}});
  const auto& beacon = find(all, "beacon");
  CHECK(has(beacon.command, "--tag=a"));
  CHECK(has(beacon.command, "--tag=b"));
  CHECK(beacon.environment == std::vector<std::string>{"TZ=UTC", "PATH=/opt/bin:/bin", "NOTIFY_SOCKET=/r/notify.sock",
                                                       "http_proxy=http://u:p@h", "https_proxy=s"});
  CHECK(find(all, "garden").environment ==
        std::vector<std::string>{"TZ=UTC", "PATH=/opt/bin:/bin", "NOTIFY_SOCKET=/r/notify.sock"});
  for (const auto& spec : all)
    for (const auto& word : spec.command) CHECK(word.find("u:p") == std::string::npos);
}

TEST_CASE("service spec: Garden is told of the containerd settings that it obeys") {
  const auto all = specs({"--containerd-v6-enable", "--containerd-v6-pool=fd00::/64", "--containerd-mtu=1400"});
  const auto& garden = find(all, "garden").command;
  CHECK(has(garden, "--containerd-v6-enable=true"));
  CHECK(has(garden, "--containerd-v6-pool=fd00::/64"));
  CHECK(!has(garden, "--containerd-mtu=1400"));
}

TEST_CASE("service spec: of an environment only settings of ours count, in any order") {
  CHECK(settings_in({"PATH=/a", "http_proxy=x", "LISTEN_PID=1", "NOTIFY_SOCKET=/r"}) ==
        settings_in({"NOTIFY_SOCKET=/r", "LISTEN_PID=2", "PATH=/b", "TZ=UTC", "http_proxy=x"}));
  CHECK(settings_in({"http_proxy=x"}) != settings_in({"http_proxy=y"}));
}

TEST_CASE("service spec: every flag of a service is a flag of the worker, and no flag is there twice") {
  std::vector<std::string> names;
  for (const auto& group : worker_program().groups)
    for (const auto& option : group.options) {
      CHECK_MESSAGE(!has(names, std::string(option.name)), option.name);
      names.emplace_back(option.name);
    }
}

TEST_CASE("service spec: the limits of an orderly stop fit into the 15 s that its callers usually leave") {
  Duration sum{};
  for (const auto& spec : specs({})) {
    CHECK(has(stop_order(), spec.name));
    sum += spec.stop_limit;
  }
  CHECK(sum < std::chrono::seconds(12));  // 3 more are for taking a retiring worker out of the cluster
}
