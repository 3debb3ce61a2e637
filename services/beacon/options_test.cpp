#include "services/beacon/options.hpp"

#include <doctest/doctest.h>

#include <cstdlib>

#include "common/base/error.hpp"
#include "common/base/scope_exit.hpp"
#include "common/config/parser.hpp"
#include "common/os/file.hpp"
#include "common/ssh/test_keys.hpp"
#include "common/testing/temp_dir.hpp"
#include "services/beacon/drain.hpp"

using namespace concourse;
using namespace concourse::beacon;
using namespace std::chrono_literals;

namespace {

struct OptionsFolder {
  testing::TempDir temp;
  const std::filesystem::path& path = temp.path;

  OptionsFolder() {
    os::replace_file(path / "key", ssh::test::pem("PRIVATE KEY", ssh::test::kPkcs1));
    os::replace_file(path / "pub", std::string("ssh-rsa ") + ssh::test::kPublic + "\n");
  }

  Options read(std::vector<std::string> flags, const config::Environment& environment = {}) const {
    flags.push_back("--tsa-worker-private-key=" + (path / "key").string());
    flags.push_back("--tsa-public-key=" + (path / "pub").string());
    flags.push_back("--runtime-dir=" + path.string());
    return read_options(config::parse(program(), flags, environment));
  }
  std::string problem(const std::vector<std::string>& flags) const {
    try {
      read(flags);
    } catch (const Error& e) {
      CHECK(e.kind() == ErrorKind::usage);
      return e.what();
    }
    return "";
  }
};

}  // namespace

TEST_CASE("beacon options: defaults") {
  const OptionsFolder folder;
  const auto options = folder.read({});
  char host[256] = {};
  gethostname(host, sizeof host - 1);
  CHECK(options.worker.name == host);
  CHECK(options.worker.version == "3.0");
  CHECK(options.worker.start_time > 1'600'000'000);
  CHECK(options.worker.tags.empty());
  CHECK_FALSE(options.worker.certs_path);
  CHECK(options.sweep_interval == 30s);
  CHECK(options.containers_in_flight == 5);
  CHECK(options.volumes_in_flight == 3);
  CHECK(options.rebalance_interval == 4h);
  CHECK(options.connection_drain_timeout == 1h);
  CHECK(options.garden.text() == "unix:" + (folder.path / "garden.sock").string());
  CHECK(options.baggageclaim.text() == "unix:" + (folder.path / "baggageclaim.sock").string());
}

TEST_CASE("beacon options: flags and variables arrive where they belong") {
  const OptionsFolder folder;
  const auto options = folder.read({"--name=n", "--tag=a", "--tag=b", "--ephemeral", "--version=2.5", "--rebalance-interval=0"},
                                   {{"CONCOURSE_TEAM", "t"}, {"https_proxy", "p"}, {"CONCOURSE_CERTS_DIR", "/c"}});
  CHECK(options.worker.name == "n");
  CHECK(options.worker.tags == std::vector<std::string>{"a", "b"});
  CHECK(options.worker.ephemeral);
  CHECK(options.worker.version == "2.5");
  CHECK(options.worker.team == "t");
  CHECK(options.worker.https_proxy == "p");
  CHECK(options.worker.certs_path == "/c");
  CHECK(options.rebalance_interval == Duration::zero());
}

TEST_CASE("beacon options: every wrong value is named") {
  const OptionsFolder folder;
  for (const char* flag :
       {"--sweep-interval=0", "--volume-sweeper-max-in-flight=0", "--container-sweeper-max-in-flight=70000",
        "--rebalance-interval=-1s", "--connection-drain-timeout=-1s", "--protocol-version=x", "--external-garden-url=http://h:x"}) {
    const std::string name(flag, std::string_view(flag).find('='));
    INFO(flag);
    CHECK(folder.problem({flag}).find(name) != std::string::npos);
  }
}

TEST_CASE("beacon options: a Garden's URL gives host and port") {
  CHECK(host_port_of_url("http://10.0.0.1:7777") == "10.0.0.1:7777");
  CHECK(host_port_of_url("http://user@host:7777/path?x=1:2") == "host:7777");
  CHECK(host_port_of_url("http://host") == "host:80");
  CHECK(host_port_of_url("https://[::1]/x") == "[::1]:443");
  CHECK(host_port_of_url("http://[::1]:7777") == "[::1]:7777");
}

TEST_CASE("drain mark: kept, read and removed; rubbish is none") {
  const OptionsFolder folder;
  CHECK(read_drain_mark(folder.path).drain == Drain::none);
  write_drain_mark(folder.path, {Drain::landing, 7});
  CHECK(read_drain_mark(folder.path).drain == Drain::landing);
  CHECK(read_drain_mark(folder.path).since == 7);
  write_drain_mark(folder.path, {Drain::retiring, 7, 90});
  CHECK(read_drain_mark(folder.path).limit == 90);
  CHECK(read_drain_mark(folder.path).drain == Drain::retiring);
  write_drain_mark(folder.path, {});
  CHECK(read_drain_mark(folder.path).drain == Drain::none);
  os::replace_file(folder.path / "beacon-drain", "elsewhere\n");
  CHECK(read_drain_mark(folder.path).drain == Drain::none);
}
