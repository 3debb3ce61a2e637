#include "services/baggageclaim/options.hpp"

#include <doctest/doctest.h>

#include "common/base/error.hpp"

using namespace concourse;
using namespace concourse::baggageclaim;

TEST_CASE("options: as a worker's service, from flags and variables") {
  const auto options = parse_options({"--work-dir=/w", "--runtime-dir=/r", "--baggageclaim-driver=naive"},
                                     {{"CONCOURSE_CONTAINERD_PRIVILEGED_MODE", "fuse-only"}});
  CHECK_FALSE(options.standalone);
  CHECK(options.paths.volumes() == "/w/volumes");
  CHECK(options.paths.overlays() == "/w/overlays");
  CHECK(options.socket == "/r/baggageclaim.sock");
  CHECK(options.driver.name == "naive");
  CHECK_FALSE(options.privileged_is_host_root);
  CHECK_FALSE(options.tcp);

  const auto served = parse_options({}, {{"CONCOURSE_WORK_DIR", "/w"}, {"CONCOURSE_BAGGAGECLAIM_BIND_IP", "0.0.0.0"}});
  REQUIRE(served.tcp);
  CHECK(served.tcp->ip == "0.0.0.0");
  CHECK(served.tcp->port == 7788);
  CHECK(served.limits.bytes == 1ull << 40);
  CHECK(served.marks.hard.of_bytes(1ull << 40) == 1 << 30);
  CHECK(served.marks.soft.of_inodes(1000) == 100);
}

TEST_CASE("options: stand-alone, with the peer's bare flags and no environment") {
  const auto options = parse_options({"--log-level", "debug", "--bind-port", "1234", "--debug-bind-port", "8099", "--volumes", "/v",
                                      "--driver", "overlay", "--overlays-dir", "/v/overlays"},
                                     {{"CONCOURSE_WORK_DIR", "/w"}, {"CONCOURSE_BAGGAGECLAIM_DRIVER", "naive"}});
  CHECK(options.standalone);
  CHECK(options.paths.volumes() == "/v");
  CHECK(options.paths.overlays() == "/v/overlays");
  CHECK(options.driver.name == "overlay");
  REQUIRE(options.tcp);
  CHECK(options.tcp->ip == "127.0.0.1");
  CHECK(options.tcp->port == 1234);
  CHECK(options.socket.empty());
  CHECK(parse_options({"--volumes=/v", "--disk-hard-free=2M"}, {}).marks.hard.of_bytes(0) == 2 << 20);
}

TEST_CASE("options: what is wrong is said, in the peer's words where its tests listen") {
  CHECK_THROWS_WITH_AS(parse_options({"--bind-port", "1"}, {}), "the required flag `--volumes' was not specified", Error);
  CHECK_THROWS_WITH_AS(parse_options({"--volumes=/v", "--p2p-interface-name-pattern=("}, {}),
                       doctest::Contains("is not a regular expression"), Error);
  CHECK_THROWS_WITH_AS(parse_options({"--volumes=/v", "--stream-max-entries=0"}, {}), doctest::Contains("not at least 1"), Error);
  CHECK_THROWS_WITH_AS(
      parse_options({"--work-dir=/w", "--baggageclaim-disk-hard-free=10"}, {}),
      "flag --baggageclaim-disk-hard-free: '10' is neither a share such as 5%, nor a size such as 2G, nor both as 5%,2G, nor 0",
      Error);
  CHECK_THROWS_WITH_AS(parse_options({"--volumes=/v", "--driver=zfs"}, {}), doctest::Contains("zfs"), Error);
  CHECK_THROWS_AS(parse_options({"--work-dir=/w", "--volumes=/v"}, {}), Error);
}
