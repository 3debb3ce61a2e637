#include "services/supervisor/takeover.hpp"

#include <doctest/doctest.h>

#include "common/version.hpp"

using namespace concourse;
using namespace concourse::supervisor;

namespace {

ServiceSpec spec() {
  ServiceSpec spec;
  spec.command = {"/opt/bin/concourse-beacon", "--tag=a"};
  spec.environment = {"PATH=/bin", "NOTIFY_SOCKET=/r/notify.sock", "http_proxy=p"};
  return spec;
}

}  // namespace

TEST_CASE("takeover: a service that a start would give as it is stays as it is") {
  CHECK(difference(spec(), {"/opt/bin/concourse-beacon", "--tag=a"},
                   {"http_proxy=p", "NOTIFY_SOCKET=/r/notify.sock", "LISTEN_FDS=1"}, kVersion) == "");
  // A script: its interpreter comes first.
  CHECK(difference(spec(), {"/usr/bin/python3", "/opt/bin/concourse-beacon", "--tag=a"}, spec().environment, kVersion) == "");
}

TEST_CASE("takeover: other version, arguments, program or proxies are differences") {
  const auto same_command = spec().command;
  CHECK(difference(spec(), same_command, spec().environment, "0.0.1") == "its version is 0.0.1");
  CHECK(difference(spec(), same_command, spec().environment, "") == "its version is unknown");
  CHECK(difference(spec(), {"/opt/bin/concourse-beacon"}, spec().environment, kVersion) == "its arguments differ");
  CHECK(difference(spec(), {"/opt/bin/concourse-beacon", "--tag=a", "--tag=b"}, spec().environment, kVersion) ==
        "its arguments differ");
  CHECK(difference(spec(), {"/old/bin/concourse-beacon", "--tag=a"}, spec().environment, kVersion) == "its arguments differ");
  CHECK(difference(spec(), same_command, {"NOTIFY_SOCKET=/r/notify.sock"}, kVersion) == "its proxy settings differ");
}
