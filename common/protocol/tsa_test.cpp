#include "common/protocol/tsa.hpp"

#include <doctest/doctest.h>

#include "common/base/error.hpp"

using namespace concourse;
using namespace concourse::protocol::tsa;

TEST_CASE("tsa protocol: the worker object is the Go worker's, field for field") {
  Worker worker;
  worker.name = "w1";
  worker.version = "3.0";
  worker.start_time = 1700000000;
  CHECK(
      to_json(worker) ==
      R"({"addr":"","baggageclaim_url":"","active_containers":0,"active_volumes":0,"active_tasks":0,"max_active_tasks":0,"resource_types":null,)"
      R"("platform":"linux","tags":null,"team":"","name":"w1","version":"3.0","start_time":1700000000,"ephemeral":false,"state":""})");

  worker.tags = {"a", "b"};
  worker.team = "main";
  worker.certs_path = "/etc/ssl/certs";
  worker.http_proxy = "http://p:1";
  worker.https_proxy = "http://p:2";
  worker.no_proxy = "a,b";
  worker.ephemeral = true;
  worker.max_active_tasks = 7;
  worker.state = "landing";
  worker.resource_types = {{"git", "/rt/git/rootfs.tgz", "1.2", false, true}};
  CHECK(
      to_json(worker) ==
      R"({"addr":"","baggageclaim_url":"","certs_path":"/etc/ssl/certs","http_proxy_url":"http://p:1","https_proxy_url":"http://p:2","no_proxy":"a,b",)"
      R"("active_containers":0,"active_volumes":0,"active_tasks":0,"max_active_tasks":7,)"
      R"("resource_types":[{"type":"git","image":"/rt/git/rootfs.tgz","version":"1.2","privileged":false,"unique_version_history":true}],)"
      R"("platform":"linux","tags":["a","b"],"team":"main","name":"w1","version":"3.0","start_time":1700000000,"ephemeral":true,"state":"landing"})");
}

TEST_CASE("tsa protocol: a report of nothing is the bare word, and no handle may break the list") {
  CHECK(report_command(kReportVolumes, {}) == "report-volumes");
  CHECK(report_command(kReportContainers, {"a", "b-c"}) == "report-containers a b-c");
  CHECK_THROWS_AS(report_command(kReportContainers, {"a", ""}), Error);
  CHECK_THROWS_AS(report_command(kReportContainers, {"a b"}), Error);
}
