#include "services/supervisor/leftovers.hpp"

#include <doctest/doctest.h>

using namespace concourse;
using namespace concourse::supervisor;

TEST_CASE("leftovers: guardian takes Garden's settings and ignores containerd's, as long as they exist") {
  CHECK(leftover_variables("guardian", {{"CONCOURSE_GARDEN_DNS_SERVER", "1.1.1.1"},
                                        {"CONCOURSE_GARDEN_DENY_NETWORKS", ""},
                                        {"CONCOURSE_CONTAINERD_INIT_BIN", "/x"},
                                        {"CONCOURSE_CONTAINERD_DNS_SERVER", "x"},
                                        {"CONCOURSE_OTHER", "x"}}) == "");
  CHECK(leftover_variables("guardian", {{"CONCOURSE_CONTAINERD_NOPE", ""}}) ==
        "cannot use CONCOURSE_CONTAINERD_ environment variables with Guardian: unset CONCOURSE_CONTAINERD_NOPE");
  // The peer's gdn refuses to start with a flag that it doesn't know.
  CHECK(leftover_variables("guardian", {{"CONCOURSE_GARDEN_NETWORK_PLUGIN", "x"}, {"CONCOURSE_GARDEN_APPARMOR", "y"}}) ==
        "Garden has no such setting: CONCOURSE_GARDEN_APPARMOR, CONCOURSE_GARDEN_NETWORK_PLUGIN; unset it, or see concourse worker "
        "--help for those it has");
}

TEST_CASE("leftovers: containerd takes the few Garden settings that are flags of the peer's worker") {
  for (const char* fine : {"BIN", "REQUEST_TIMEOUT", "CONFIG", "DNS_PROXY_ENABLE", "NETWORK_POOL", "MAX_CONTAINERS"})
    CHECK(leftover_variables("containerd", {{"CONCOURSE_GARDEN_" + std::string(fine), "x"}}) == "");
  for (const char* refused : {"DNS_SERVER", "ALLOW_HOST_ACCESS", "DENY_NETWORK", "EXTERNAL_IP", "MTU"})
    CHECK(leftover_variables("containerd", {{"CONCOURSE_GARDEN_" + std::string(refused), "x"}}) ==
          "cannot use CONCOURSE_GARDEN_ environment variables with Containerd: unset CONCOURSE_GARDEN_" + std::string(refused));
  CHECK(leftover_variables("containerd", {{"CONCOURSE_CONTAINERD_NOPE", "x"}}) == "");
}

TEST_CASE("leftovers: houdini takes neither") {
  CHECK(leftover_variables("houdini", {{"CONCOURSE_GARDEN_MTU", "1"}}) ==
        "cannot use CONCOURSE_GARDEN_ environment variables with Houdini: unset CONCOURSE_GARDEN_MTU");
  CHECK(leftover_variables("houdini", {{"CONCOURSE_CONTAINERD_NOPE", "1"}}) ==
        "cannot use CONCOURSE_CONTAINERD_ environment variables with Houdini: unset CONCOURSE_CONTAINERD_NOPE");
  CHECK(leftover_variables("houdini", {}) == "");
}
