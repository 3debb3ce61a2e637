#include "common/ssh/tsa_options.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <set>

#include "common/base/error.hpp"
#include "common/config/groups.hpp"
#include "common/config/parser.hpp"
#include "common/os/file.hpp"
#include "common/ssh/test_keys.hpp"
#include "common/testing/temp_dir.hpp"

using namespace concourse;
using namespace concourse::ssh;
using namespace concourse::ssh::test;

namespace {

TsaOptions options_from(const std::vector<std::string>& arguments) {
  const config::Program program{.name = "test", .summary = "", .groups = {config::tsa_group()}};
  return TsaOptions::from(config::parse(program, arguments, {}));
}

std::string problem(const std::vector<std::string>& arguments) {
  try {
    options_from(arguments);
  } catch (const Error& e) {
    CHECK(e.kind() == ErrorKind::usage);
    return e.what();
  }
  return "";
}

}  // namespace

TEST_CASE("tsa options: hosts and key files are checked at start, every problem in one line") {
  const testing::TempDir temp;
  const auto& dir = temp.path;
  const auto key = dir / "key", pub = dir / "pub", empty = dir / "empty";
  os::replace_file(key, pem("PRIVATE KEY", kPkcs1));
  os::replace_file(pub, std::string("ssh-rsa ") + kPublic + "\n");
  os::replace_file(empty, "# nothing\n");
  const std::string private_flag = "--tsa-worker-private-key=" + key.string(), public_flag = "--tsa-public-key=" + pub.string();

  const auto good = options_from({private_flag, public_flag, "--tsa-host=a:1", "--tsa-host=[::1]:2222"});
  CHECK(good.hosts == std::vector<std::string>{"a:1", "[::1]:2222"});
  CHECK(good.host_keys.size() == 1);
  std::set<std::vector<std::string>> orders;
  for (int i = 0; i < 100; ++i) orders.insert(good.shuffled_hosts());
  CHECK(orders.size() == 2);
  CHECK(options_from({private_flag, public_flag}).hosts == std::vector<std::string>{"127.0.0.1:2222"});

  CHECK(problem({private_flag}).starts_with("flag --tsa-public-key: not given"));
  CHECK(problem({private_flag, "--tsa-public-key=" + empty.string()})
            .starts_with("flag --tsa-public-key: '" + empty.string() + "' holds no public key"));
  CHECK(problem({"--tsa-worker-private-key=" + pub.string(), public_flag})
            .starts_with("flag --tsa-worker-private-key: private key '" + pub.string() + "' is a public key"));
  CHECK(problem({private_flag, public_flag, "--tsa-host=web"}).starts_with("flag --tsa-host: 'web'"));
  CHECK(problem({"--tsa-worker-private-key=" + pub.string()}).find("; flag --tsa-worker-private-key") != std::string::npos);
}

TEST_CASE("tsa options: host and port") {
  CHECK(parse_host_port("web.example:2222").host == "web.example");
  CHECK(parse_host_port("[fe80::1]:22").host == "fe80::1");
  CHECK(parse_host_port("[fe80::1]:22").port == "22");
  for (const char* bad : {"", "web", ":22", "web:", "web:0", "web:70000", "web:ssh", "fe80::1:22", "[]:1"})
    CHECK_THROWS_AS(parse_host_port(bad), Error);
}
